import ArgumentParser
import Coordinator
import Foundation
import SharedModel
import Worker

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Shows how far a sweep is, its rate, its workers, and what failed and why.",
        discussion: """
            Reads the directory beside a running coordinator, or asks the coordinator over the network; nothing is \
            changed either way.
            """)

    @Argument(
        help: "The directory of the sweep, or the join token of its coordinator (- reads that from standard input).")
    var sweep: String?

    @OptionGroup var joining: JoinOptions

    @Flag(help: "Prints JSON for scripts.")
    var json = false

    @Flag(help: "Keeps showing, until the sweep is done.")
    var watch = false

    func run() async throws {
        let read = try source()
        var shown = 0
        while true {
            let status = try await read()
            if json {
                try Console.print(json: status, isPretty: !watch)
            } else if watch, Console.isTerminal {
                shown = Console.redraw(Self.lines(status, first: ProgressText.bar(status)), over: shown)
            } else {
                Self.report(status)
            }
            guard watch, status.state != .done, status.state != .stopped else { return }
            try await Task.sleep(for: .seconds(2))
        }
    }

    /// What reads the status: the network for a join token, else the directory.
    private func source() throws -> () async throws -> SweepStatus {
        if let sweep, sweep != "", sweep != "-", !sweep.hasPrefix(JoinToken.prefix) {
            let reader = try SweepReader(SweepDirectory(URL(filePath: sweep)))
            return { try reader.status() }
        }
        guard sweep?.isEmpty == false || joining.isGiven else {
            throw ValidationError("Name the directory of the sweep, or give the join token of its coordinator.")
        }
        let inquiry = try StatusInquiry(joining.token(sweep))
        return { try await ExitCode.whenRefused { try await inquiry.report() } }
    }

    /// Prints a status in full.
    static func report(_ status: SweepStatus) {
        for line in lines(status, first: ProgressText.line(status)) { Console.print(line) }
    }

    /// A status in full, `first` below the name of the sweep.
    private static func lines(_ status: SweepStatus, first: String) -> [String] {
        var lines = ["\(status.sweep): \(status.state.rawValue)", "  \(first)"]
        lines.append(
            "  \(status.positions) positions, \(status.cells) cells: \(status.done) done, \(status.leased) leased, "
                + "\(status.pending) pending, \(status.failed) failed")
        if let prioritised = status.prioritised, prioritised > 0 {
            lines.append("  \(prioritised) of the leased and pending come first, for they are prioritised")
        }
        for worker in status.workers {
            let speed = worker.secondsPerImage.map { ", \(ProgressText.rounded($0)) s an image" } ?? ""
            lines.append(
                "  worker \(worker.name): \(worker.state.rawValue), \(worker.done) done\(speed) (\(worker.device))")
            if let rendering = worker.rendering {
                lines.append(
                    "    renders position \(rendering.position), step \(rendering.step) of \(rendering.steps)")
            }
            if let note = worker.note { lines.append("    \(note)") }
        }
        for failure in status.failures {
            lines.append("  failed at position \(failure.position): \(failure.reason)")
        }
        if status.failed > status.failures.count {
            lines.append("  and \(status.failed - status.failures.count) more failures; `tmdne export` lists all")
        }
        return lines
    }
}
