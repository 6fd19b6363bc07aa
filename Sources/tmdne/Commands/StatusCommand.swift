import ArgumentParser
import Coordinator
import Foundation
import SharedModel

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows how far a sweep is, its rate, its workers, and what failed and why.",
        discussion: "Reads the directory beside a running coordinator; nothing is changed.")

    @Argument(help: "The directory of the sweep.")
    var directory: String

    @Flag(help: "Prints JSON for scripts.")
    var json = false

    @Flag(help: "Keeps showing, until the sweep is done.")
    var watch = false

    func run() async throws {
        let reader = try SweepReader(SweepDirectory(URL(filePath: directory)))
        while true {
            let status = try reader.status()
            if json {
                try Console.print(json: status, isPretty: !watch)
            } else if watch, Console.isTerminal {
                Console.rewrite(ProgressText.bar(status))
            } else {
                Self.report(status)
            }
            guard watch, status.state != .done, status.state != .stopped else {
                if watch, Console.isTerminal { Console.note("") }
                return
            }
            try await Task.sleep(for: .seconds(2))
        }
    }

    /// Prints a status in full.
    static func report(_ status: SweepStatus) {
        Console.print("\(status.sweep): \(status.state.rawValue)")
        Console.print("  \(ProgressText.line(status))")
        Console.print(
            "  \(status.positions) positions, \(status.cells) cells: \(status.done) done, \(status.leased) leased, "
                + "\(status.pending) pending, \(status.failed) failed")
        for worker in status.workers {
            let speed = worker.secondsPerImage.map { ", \(ProgressText.rounded($0)) s an image" } ?? ""
            Console.print(
                "  worker \(worker.name): \(worker.state.rawValue), \(worker.done) done\(speed) (\(worker.device))")
            if let note = worker.note { Console.print("    \(note)") }
        }
        for failure in status.failures {
            Console.print("  failed at position \(failure.position): \(failure.reason)")
        }
        if status.failed > status.failures.count {
            Console.print("  and \(status.failed - status.failures.count) more failures; `tmdne export` lists all")
        }
    }
}
