import Foundation

/// What a process holds, looked at again and again while it lives: only over a life of its own can it be seen to grow.
struct ProcessLife {
    /// What was held at a time.
    private struct Look {
        var instant: ContinuousClock.Instant
        var descriptors: Int
        var kilobytes: Int
    }

    /// How much more was held in the last quarter of a life than in the first, each taken at its median.
    struct Growth {
        var descriptors: Int
        var kilobytes: Int
    }

    /// A shorter life is mostly beginning.
    private static let shortest = Duration.seconds(60)
    /// Fewest looks in a quarter whose median says something.
    private static let fewestLooks = 3

    private let process: Launched
    private var looks: [Look] = []

    init(of process: Launched) {
        self.process = process
    }

    var isWorker: Bool { process.isWorker }

    /// Takes a look, unless the process has ended.
    mutating func look() {
        guard process.isRunning else { return }
        let (descriptors, kilobytes) = (process.openFiles, process.residentKilobytes)
        // Both are 0 once it has ended, which nobody may have noticed yet.
        guard descriptors > 0, kilobytes > 0 else { return }
        looks.append(Look(instant: .now, descriptors: descriptors, kilobytes: kilobytes))
    }

    /// From the first look to the last.
    var length: Duration {
        guard let first = looks.first, let last = looks.last else { return .zero }
        return last.instant - first.instant
    }

    /// The most descriptors that were seen.
    var descriptors: Int { looks.map(\.descriptors).max() ?? 0 }

    /// The most memory that was seen, in KiB.
    var kilobytes: Int { looks.map(\.kilobytes).max() ?? 0 }

    /// `nil` for a life that was too short, or looked at too rarely, to tell.
    var growth: Growth? {
        guard length >= Self.shortest, let first = looks.first, let last = looks.last else { return nil }
        let begin = looks.filter { $0.instant - first.instant <= length / 4 }
        let end = looks.filter { last.instant - $0.instant <= length / 4 }
        guard min(begin.count, end.count) >= Self.fewestLooks else { return nil }
        return Growth(
            descriptors: Self.median(end.map(\.descriptors)) - Self.median(begin.map(\.descriptors)),
            kilobytes: Self.median(end.map(\.kilobytes)) - Self.median(begin.map(\.kilobytes)))
    }

    private static func median(_ values: [Int]) -> Int { values.sorted()[values.count / 2] }
}

extension Launched {
    /// Descriptors that the process has open; 0 when it has ended.
    fileprivate var openFiles: Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(identifier)/fd").count) ?? 0
    }

    /// Memory of the process in KiB; 0 when it has ended.
    fileprivate var residentKilobytes: Int {
        let status = (try? String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return line.flatMap { Int($0.split(separator: " ").dropLast().last.map { "\($0)" } ?? "") } ?? 0
    }
}
