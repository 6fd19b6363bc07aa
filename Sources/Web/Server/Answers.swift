import Coordinator
import SharedModel

/// What of a grid never changes while it is served.
struct GridAnswer: Encodable {
    struct Axis: Encodable {
        let name: GridAxis
        let values: [String]
        /// For every position the index of its value.
        let indices: [Int32]
    }

    let sweep: String
    let positions: Int
    /// For every position the number of its cell.
    let cells: [Int32]
    /// The axes that vary, the one that changes slowest first.
    let axes: [Axis]
    /// What is the same everywhere.
    let fixed: [String: String]

    init(_ grid: GridIndex, sweep: String) {
        self.sweep = sweep
        positions = grid.positions
        cells = grid.cells
        axes = grid.axes.filter { $0.values.count > 1 }.map {
            Axis(name: $0.axis, values: $0.values, indices: $0.indices)
        }
        fixed = Dictionary(
            uniqueKeysWithValues: grid.axes.compactMap { axis in
                axis.values.count == 1 ? (axis.axis.rawValue, axis.values[0]) : nil
            })
    }
}

struct StatusAnswer: Encodable {
    let status: SweepStatus
    /// Whether the sweep can be paused and so on from here.
    let isServed: Bool
}

/// The last images in columns.
struct SeriesAnswer: Encodable {
    /// Images that a plot shows at most.
    static let longest = 3000

    let workers: [String]
    /// For every image the index of its worker.
    let worker: [Int]
    /// Wall times as ISO 8601 text.
    let storedAt: [String]
    /// Seconds.
    let encode: [Double]
    let denoise: [Double]
    let decode: [Double]
    let png: [Double]
    let upload: [Double]

    init(_ images: [RenderedImage]) {
        let names = Array(Set(images.map(\.worker))).sorted()
        let indices = Dictionary(uniqueKeysWithValues: names.enumerated().map { ($1, $0) })
        workers = names
        worker = images.map { indices[$0.worker, default: 0] }
        storedAt = images.map(\.storedAt)
        encode = images.map(\.timings.encode)
        denoise = images.map(\.timings.denoise)
        decode = images.map(\.timings.decode)
        png = images.map(\.timings.png)
        upload = images.map(\.timings.upload)
    }
}

/// The measures of every position, null where there are none.
struct MeasuresAnswer: Encodable {
    let contrast: [Double?]
    let sharpness: [Double?]
    let highlights: [Double?]
    let shadows: [Double?]
    let saturation: [Double?]
    /// Letters and digits that were read.
    let letters: [Int?]
    /// Whether anything was read at all; somebody has to ask for it.
    let isRead: Bool

    init(_ measures: [Int: ImageMeasures], _ readings: [Int: BoardReading], positions: Int) {
        let all = (0..<positions).map { measures[$0] }
        // More digits than anybody can see would only make the page slower.
        let column = { (path: KeyPath<ImageMeasures, Double>, scale: Double) in
            all.map { $0.map { ($0[keyPath: path] * scale).rounded() / scale } }
        }
        contrast = column(\.contrast, 1e4)
        sharpness = column(\.sharpness, 1e1)
        highlights = column(\.highlights, 1e5)
        shadows = column(\.shadows, 1e5)
        saturation = column(\.saturation, 1e4)
        letters = (0..<positions).map { readings[$0]?.letters }
        isRead = !readings.isEmpty
    }
}

/// Everything about one position.
struct PositionAnswer: Encodable {
    let row: GridRow
    let opinions: [Opinion]
}

/// One auditor's opinion, by position.
struct OpinionAnswer: Encodable {
    let position: Int
    let verdict: Opinion.Verdict
    let tags: [FlawTag]
    let note: String

    init(_ placed: PlacedOpinion) {
        position = placed.position
        verdict = placed.opinion.verdict
        tags = placed.opinion.tags
        note = placed.opinion.note
    }
}

/// An opinion as a page gives it.
struct OpinionRequest: Decodable {
    let position: Int
    let auditor: String
    let verdict: Opinion.Verdict
    let tags: [FlawTag]
    let note: String
}

struct ControlRequest: Decodable {
    enum Action: String, Decodable {
        case pause, resume, drain, retry
    }

    let action: Action
}

/// Who judged how much, and how far they agree.
struct AuditorsAnswer: Encodable {
    struct Auditor: Encodable {
        let name: String
        let judged: Int
        let kept: Int
    }

    struct Pair: Encodable {
        let auditors: [String]
        let images: Int
        let agreed: Int
        let kappa: Double?
    }

    let auditors: [Auditor]
    let agreement: [Pair]

    init(_ opinions: [PlacedOpinion]) {
        let byAuditor = Dictionary(grouping: opinions.map(\.opinion), by: \.auditor)
        auditors = byAuditor.keys.sorted().map { name in
            let own = byAuditor[name, default: []]
            return Auditor(name: name, judged: own.count, kept: own.count { $0.verdict == .keep })
        }
        agreement = Agreement.pairs(opinions).map {
            Pair(auditors: $0.auditors, images: $0.images, agreed: $0.agreed, kappa: $0.kappa)
        }
    }
}

/// A map of flaws with its intervals.
struct FlawAnswer: Encodable {
    struct Field: Encodable {
        let judged: Int
        let flawed: Int
        let disputed: Int
        let cells: Int
        let share: Double?
        /// Bounds of the 95 % interval.
        let low: Double?
        let high: Double?

        init(_ field: FlawMap.Field) {
            judged = field.rate.judged
            flawed = field.rate.flawed
            disputed = field.disputed
            cells = field.cells
            share = field.rate.share
            low = field.rate.interval?.lowerBound
            high = field.rate.interval?.upperBound
        }
    }

    let rows: [String]
    let columns: [String]
    let fields: [[Field]]
    let rowTotals: [Field]
    let columnTotals: [Field]
    let total: Field

    init(_ map: FlawMap) {
        rows = map.rows
        columns = map.columns
        fields = map.fields.map { $0.map(Field.init) }
        rowTotals = map.rowTotals.map(Field.init)
        columnTotals = map.columnTotals.map(Field.init)
        total = Field(map.total)
    }
}
