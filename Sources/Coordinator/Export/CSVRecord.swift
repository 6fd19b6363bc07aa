import SharedModel

/// One line of a CSV file as RFC 4180 defines it.
struct CSVRecord {
    private let fields: [String]

    /// The names of the columns, in the order of ``init(_:)``.
    static let header = CSVRecord([
        "position", "prompt", "style", "guidance", "seed", "steps", "sampler", "width", "height", "cell", "state",
        "image", "sha256", "worker", "attempts", "verdict", "tags", "note", "contrast", "sharpness", "highlights",
        "shadows", "saturation", "letters", "text", "encode", "denoise", "decode", "png", "upload", "total",
        "options",
    ])

    init(_ fields: [String]) {
        self.fields = fields
    }

    init(_ row: GridRow) {
        let timings = row.timings
        let seconds = [
            timings?.encode, timings?.denoise, timings?.decode, timings?.png, timings?.upload, timings?.total,
        ]
        let measures = row.measures
        let hints = [
            measures?.contrast, measures?.sharpness, measures?.highlights, measures?.shadows, measures?.saturation,
        ]
        fields =
            [
                "\(row.position)", row.prompt, row.style, "\(row.guidance)", "\(row.seed)", "\(row.steps)",
                row.sampler.rawValue, "\(row.width)", "\(row.height)", row.cell.hex, row.state, row.image ?? "",
                row.sha256 ?? "", row.worker ?? "", "\(row.attempts)", row.verdict ?? "",
                row.tags.map(\.rawValue).joined(separator: " "), row.note ?? "",
            ] + hints.map(Self.number) + [row.reading.map { "\($0.letters)" } ?? "", row.reading?.text ?? ""]
            + seconds.map(Self.number)
            + [row.options.isDefault ? "" : String(decoding: row.options.canonicalJSON, as: UTF8.self)]
    }

    private static func number(_ value: Double?) -> String {
        value.map { "\($0)" } ?? ""
    }

    /// The record with its line end, CR LF.
    var line: String {
        fields.map(Self.quoted).joined(separator: ",") + "\r\n"
    }

    /// Looks at bytes: CR LF is one `Character`, and a combining mark would hide a comma or a quote before it.
    private static func quoted(_ field: String) -> String {
        let bytes = field.utf8
        let space = UInt8(ascii: " ")
        let quote = UInt8(ascii: "\"")
        let separators = [quote, UInt8(ascii: ","), UInt8(ascii: "\r"), UInt8(ascii: "\n")]
        // Some readers trim spaces at the ends of a bare field.
        guard bytes.first == space || bytes.last == space || bytes.contains(where: separators.contains) else {
            return field
        }
        let doubled = bytes.flatMap { $0 == quote ? [quote, quote] : [$0] }
        return "\"" + String(decoding: doubled, as: UTF8.self) + "\""
    }
}
