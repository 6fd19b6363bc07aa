import ArgumentParser
import Foundation
import SharedModel
import Worker

extension LoadPlan.Task: ExpressibleByArgument {}

struct SimulateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulate",
        abstract: "Joins many workers that render nothing, to measure what a coordinator bears.",
        discussion: """
            The images are noise of the cells' sizes, and may take each worker another time. The coordinator is a real \
            one, started in another terminal on a directory that is thrown away afterwards:

            tmdne coordinator load.yaml --output /tmp/load
            tmdne simulate tmdne1_… --workers 1000 --duration 30
            """)

    @Argument(help: "The join token that the coordinator printed (- reads it from standard input).")
    var join: String?

    @OptionGroup var joining: JoinOptions

    @Option(help: "What the workers do: deliver images, claim and give back leases, or only be there.")
    var task = LoadPlan.Task.results

    @Option(help: "Number of workers, 1 to 10000.")
    var workers = 8

    @Option(name: .customLong("seconds-per-image"), help: "Seconds that an image takes the fastest worker, 0 to 3600.")
    var secondsPerImage = 0.0

    @Option(help: "Seconds that it takes the slowest worker, where not all are alike; the others lie between them.")
    var slowest: Double?

    @Option(help: "Part of the cells that fail, 0 to 1.")
    var failures = 0.0

    @Option(help: "Seconds to go on for, unless the sweep is done before.")
    var duration = 30.0

    @Flag(help: "Prints JSON for scripts.")
    var json = false

    func validate() throws {
        guard (1...10_000).contains(workers) else { throw ValidationError("--workers must be 1 to 10000.") }
        guard (0...3600).contains(secondsPerImage) else {
            throw ValidationError("--seconds-per-image must be 0 to 3600.")
        }
        guard (secondsPerImage...3600).contains(slowest ?? secondsPerImage) else {
            throw ValidationError("--slowest must be no less than --seconds-per-image, and 3600 at most.")
        }
        guard (0...1).contains(failures) else { throw ValidationError("--failures must be 0 to 1.") }
        guard (0.1...86_400).contains(duration) else { throw ValidationError("--duration must be 0.1 to 86400.") }
    }

    func run() async throws {
        var plan = LoadPlan()
        plan.task = task
        plan.workers = workers
        plan.secondsPerImage = secondsPerImage...(slowest ?? secondsPerImage)
        plan.failures = failures
        let fleet = LoadFleet(token: try joining.token(join), plan: plan)
        let begin = ContinuousClock.now
        let report = await measure(fleet, from: begin)
        if json {
            try Console.print(json: report, isPretty: true)
        } else {
            Self.show(report)
        }
        if let problem = fleet.problem { Console.note("The last problem: \(problem)") }
        guard report.count.joined > 0 else { throw fleet.isRefused ? ExitCode.refused : ExitCode.failure }
    }

    /// Runs the fleet for as long as it was asked for, or until the coordinator has nothing left to grant.
    private func measure(_ fleet: LoadFleet, from begin: ContinuousClock.Instant) async -> LoadReport {
        await withTaskGroup { group in
            group.addTask { await fleet.run() }
            var report = LoadReport()
            while !fleet.isDrained {
                let elapsed = (ContinuousClock.now - begin) / .seconds(1)
                report.take(fleet.count, workers: workers, at: elapsed)
                guard elapsed < duration else { break }
                // Cancelled: the measurement ends early, and says what it has.
                guard (try? await Task.sleep(for: .milliseconds(100))) != nil else { break }
            }
            report.take(fleet.count, workers: workers, at: (ContinuousClock.now - begin) / .seconds(1))
            group.cancelAll()
            return report
        }
    }

    private static func show(_ report: LoadReport) {
        let count = report.count
        Console.print("\(count.connected) workers connected, \(count.joined) hellos answered")
        if let seconds = report.allJoinedSeconds {
            Console.print("  all of them after \(ProgressText.rounded(seconds)) s")
        }
        if let seconds = report.allBackSeconds {
            Console.print("  all of them back after \(ProgressText.rounded(seconds)) s")
        }
        Console.print("  \(count.leases) leases, \(ProgressText.rounded(report.leasesPerSecond)) a second")
        Console.print("  \(count.images) images, \(ProgressText.rounded(report.imagesPerSecond)) a second")
        Console.print("  \(count.bytes / 1_000_000) MB, \(ProgressText.rounded(report.megabytesPerSecond)) MB a second")
        Console.print("  \(count.failures) cells failed, \(count.others) images not stored")
    }
}

/// What a fleet did in how long.
private struct LoadReport: Encodable {
    var count = LoadCount()
    var seconds = 0.0
    /// Until every worker was connected at once; `nil` when that never was so.
    var allJoinedSeconds: Double?
    /// How long it took the last time that they had all been lost and came back.
    var allBackSeconds: Double?
    /// Until the first lease was granted.
    var firstLeaseSeconds: Double?
    var leasesPerSecond = 0.0
    var imagesPerSecond = 0.0
    /// Of 1,000,000 bytes.
    var megabytesPerSecond = 0.0

    private var lostAt: Double?

    private enum CodingKeys: String, CodingKey {
        case count, seconds, allJoinedSeconds, allBackSeconds, firstLeaseSeconds
        case leasesPerSecond, imagesPerSecond, megabytesPerSecond
    }

    mutating func take(_ count: LoadCount, workers: Int, at seconds: Double) {
        self.count = count
        self.seconds = seconds
        if count.connected >= workers {
            if allJoinedSeconds == nil { allJoinedSeconds = seconds }
            if let lostAt { allBackSeconds = seconds - lostAt }
            lostAt = nil
        } else if allJoinedSeconds != nil, lostAt == nil {
            lostAt = seconds
        }
        if firstLeaseSeconds == nil, count.leases > 0 { firstLeaseSeconds = seconds }
        guard seconds > 0 else { return }
        leasesPerSecond = Double(count.leases) / seconds
        imagesPerSecond = Double(count.images) / seconds
        megabytesPerSecond = Double(count.bytes) / 1_000_000 / seconds
    }
}
