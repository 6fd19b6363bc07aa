import Foundation

/// How much of a random fault is tried: a little in `scripts/test`, all of it in `scripts/soak`, which sets `TMDNE_SOAK`.
enum Soak {
    static let isOn = ProcessInfo.processInfo.environment["TMDNE_SOAK"] != nil

    /// `quick` in a test, `long` in a soak.
    static func runs(_ quick: Int, soak long: Int) -> Int { isOn ? long : quick }

    /// What random choices begin with: `TMDNE_SEED`, to repeat a failed run, or a new one, which is printed.
    static func seed(of fault: String) -> UInt64 {
        let wanted = ProcessInfo.processInfo.environment["TMDNE_SEED"].flatMap { UInt64($0) }
        let seed = wanted ?? UInt64.random(in: .min ... .max)
        print("seed of \(fault): \(seed)")
        return seed
    }

    /// Adds a line to the table of a soak.
    static func record(_ fault: String, injectedBy injection: String, runs: Int, seed: UInt64? = nil, _ result: String)
    {
        guard let path = ProcessInfo.processInfo.environment["TMDNE_SOAK_TABLE"],
            let file = FileHandle(forWritingAtPath: path)
        else { return }
        let row = "| \(fault) | \(injection) | \(runs) | \(seed.map(String.init) ?? "") | \(result) |\n"
        _ = try? file.seekToEnd()
        try? file.write(contentsOf: Data(row.utf8))
    }
}
