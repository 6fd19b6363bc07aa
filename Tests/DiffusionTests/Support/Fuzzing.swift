import Foundation
import Testing

/// How much the fuzzing tests do, and what they watch over beside errors.
enum Fuzzing {
    private static let wanted = ProcessInfo.processInfo.environment["TMDNE_FUZZ"].flatMap(Int.init)

    /// Inputs for each seed file.
    static let rounds = wanted ?? 3000

    /// What memory may grow by while some hundred inputs are read, each of which has less than 300 kB; a size that were
    /// believed would ask for more than the machine has.
    private static let memoryLimit = 96 << 20

    /// Runs `body` for every round and makes sure that no input takes memory that its size does not account for.
    ///
    /// Memory is the whole process's, so that it is looked at only where fuzzing is asked for and nothing else runs.
    static func run(_ body: (_ round: Int) throws -> Void) throws {
        let batch = 500
        for start in stride(from: 0, to: rounds, by: batch) {
            let before = wanted == nil ? nil : try resetPeak()
            for round in start..<min(start + batch, rounds) { try body(round) }
            guard let before else { continue }
            let growth = try status("VmHWM") - before
            try #require(growth < memoryLimit, "rounds from \(start) took \(growth) bytes")
        }
    }

    /// Forgets the greatest resident size so far; returns the present one.
    private static func resetPeak() throws -> Int {
        try Data("5".utf8).write(to: URL(filePath: "/proc/self/clear_refs"))
        return try status("VmRSS")
    }

    /// A line of what Linux tells about this process, in bytes.
    private static func status(_ key: String) throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("\(key):") })
        let digits = line.filter { ("0"..."9").contains($0) }
        return try #require(Int(digits)) * 1024
    }
}
