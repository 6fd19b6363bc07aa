import SharedModel

/// One line of a CSV file as RFC 4180 defines it.
struct CSVRecord {
    private let fields: [String]

    /// The names of the columns, in the order of ``init(_:)``.
    static let header = CSVRecord([
        "position", "prompt", "style", "guidance", "seed", "steps", "sampler", "width", "height", "cell", "state",
        "image", "sha256", "worker", "attempts", "verdict", "encode", "denoise", "decode", "png", "upload", "total",
    ])

    init(_ fields: [String]) {
        self.fields = fields
    }

    init(_ row: GridRow) {
        let timings = row.timings
        let seconds = [
            timings?.encode, timings?.denoise, timings?.decode, timings?.png, timings?.upload, timings?.total,
        ]
        fields =
            [
                "\(row.position)", row.prompt, row.style, "\(row.guidance)", "\(row.seed)", "\(row.steps)",
                row.sampler.rawValue, "\(row.width)", "\(row.height)", row.cell.hex, row.state, row.image ?? "",
                row.sha256 ?? "", row.worker ?? "", "\(row.attempts)", row.verdict ?? "",
            ] + seconds.map { seconds in seconds.map { "\($0)" } ?? "" }
    }

    /// The record with its line end, CR LF.
    var line: String {
        fields.map(Self.quoted).joined(separator: ",") + "\r\n"
    }

    /// Looks at scalars, because CR LF is one `Character` and a combining mark can hide a comma.
    private static func quoted(_ field: String) -> String {
        let scalars = field.unicodeScalars
        // Some readers trim spaces at the ends of a bare field.
        let needsQuotes =
            scalars.first == " " || scalars.last == " "
            || scalars.contains { $0 == "," || $0 == "\"" || $0 == "\r" || $0 == "\n" }
        return needsQuotes ? "\"" + field.replacing("\"", with: "\"\"") + "\"" : field
    }
}
