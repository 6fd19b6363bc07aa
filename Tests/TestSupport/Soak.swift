import Foundation

/// How much of a random fault is tried: a little in `scripts/test`, all of it in `scripts/soak`, which sets `TMDNE_SOAK`.
package enum Soak {
    private static let environment = ProcessInfo.processInfo.environment

    package static let isOn = environment["TMDNE_SOAK"] != nil

    /// Which part of a soak this run does: `TMDNE_PORTION=2/6` is the second of six.
    private static let portion: (number: Int, of: Int) = {
        let numbers = (environment["TMDNE_PORTION"] ?? "").split(separator: "/").compactMap { Int($0) }
        guard isOn, numbers.count == 2, numbers[1] > 0, (1...numbers[1]).contains(numbers[0]) else { return (1, 1) }
        return (numbers[0], numbers[1])
    }()

    /// `quick` in a test, `long` in a soak, or this portion's share of it.
    package static func runs(_ quick: Int, soak long: Int) -> Int {
        isOn ? (long + portion.of - 1) / portion.of : quick
    }

    /// `quick` in a test, `long` in a soak, whatever the portion.
    package static func size<Size>(_ quick: Size, soak long: Size) -> Size { isOn ? long : quick }

    /// `quick` in a test, `long` in a soak, or those of them that are this portion's.
    package static func cases<Case>(_ quick: [Case], soak long: [Case]) -> [Case] {
        guard isOn else { return quick }
        return long.enumerated().filter { $0.offset % portion.of == portion.number - 1 }.map(\.element)
    }

    /// What random choices begin with: `TMDNE_SEED`, to repeat a failed run, or a new one, which is printed.
    package static func seed(of fault: String) -> UInt64 {
        let wanted = environment["TMDNE_SEED"].flatMap { UInt64($0) }
        let seed = wanted ?? UInt64.random(in: .min ... .max)
        print("seed of \(fault): \(seed)")
        return seed
    }

    /// Adds a line to the table of a soak.
    package static func record(
        _ fault: String, injectedBy injection: String, runs: Int, seed: UInt64? = nil, _ result: String
    ) {
        guard let path = environment["TMDNE_SOAK_TABLE"], let file = FileHandle(forWritingAtPath: path) else { return }
        let row = "| \(fault) | \(injection) | \(runs) | \(seed.map(String.init) ?? "") | \(result) |\n"
        // A table that can't be written costs no test; its rows are in the log as well.
        _ = try? file.seekToEnd()
        try? file.write(contentsOf: Data(row.utf8))
        print("soak: \(row)", terminator: "")
    }
}
