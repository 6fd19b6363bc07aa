import ArgumentParser
import Foundation

/// An amount of memory as people write it: `12G`, `6000M`.
struct MemorySize: ExpressibleByArgument, Equatable {
    let bytes: Int

    init?(argument: String) {
        let units: [(suffix: String, bytes: Int)] = [
            ("GiB", 1 << 30), ("GB", 1_000_000_000), ("G", 1 << 30), ("MiB", 1 << 20), ("MB", 1_000_000),
            ("M", 1 << 20),
        ]
        guard let unit = units.first(where: { argument.lowercased().hasSuffix($0.suffix.lowercased()) }),
            let number = Double(argument.dropLast(unit.suffix.count)), number > 0,
            let bytes = Int(exactly: (number * Double(unit.bytes)).rounded())
        else { return nil }
        self.bytes = bytes
    }

    private init(bytes: Int) {
        self.bytes = bytes
    }

    /// All of this machine's.
    static var physical: MemorySize {
        MemorySize(bytes: Int(clamping: ProcessInfo.processInfo.physicalMemory))
    }
}
