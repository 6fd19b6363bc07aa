import ArgumentParser
import Diffusion

/// An amount of memory as people write it: `12G`, `6000M`, or `auto`.
struct MemorySize: ExpressibleByArgument, Equatable {
    let bytes: Int

    init?(argument: String) {
        if argument.lowercased() == "auto" {
            self = .auto
            return
        }
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

    /// All that the system lets this process take.
    static var auto: MemorySize { MemorySize(bytes: HostMemory().bytes) }
}
