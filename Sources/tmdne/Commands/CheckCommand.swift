import ArgumentParser
import Coordinator
import Foundation

struct CheckCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Reads every image of a sweep again and compares it with the database.",
        discussion: """
            Looks for damaged, missing and unknown images, and for a database that contradicts itself. With --repair, \
            files that are damaged or unknown are moved to set-aside/, and their cells are rendered again by the next \
            `tmdne resume`. Exit codes: 0 all is well, 1 something is wrong, 2 something was wrong and is repaired.
            """)

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @Flag(help: "Mends what can be mended; no coordinator may serve the directory then.")
    var repair = false

    @Flag(help: "Prints JSON for scripts.")
    var json = false

    func run() async throws {
        let report = try await SweepCheck.run(directory.sweep, isRepairing: repair) { images in
            if Console.isTerminal { Console.rewrite("\(images) images are looked at") }
        }
        if Console.isTerminal { Console.rewrite("") }
        if json {
            try Console.print(json: report)
        } else {
            Self.tell(report, directory: directory)
        }
        guard report.isSettled else { throw ExitCode.failure }
        guard report.findings.isEmpty else { throw ExitCode.partlyFailed }
    }

    private static func tell(_ report: SweepCheck.Report, directory: DirectoryArgument) {
        for finding in report.findings {
            let worker = finding.worker.map { ", from \($0)" } ?? ""
            let mark = finding.isRepaired ? "repaired" : "WRONG"
            Console.print("\(mark)  \(finding.kind.rawValue)  \(finding.path)\(worker): \(finding.problem)")
        }
        let size = ProgressText.rounded(Double(report.bytes) / 1_000_000)
        let silent = report.silent > 0 ? " \(report.silent) of them say nothing of themselves." : ""
        Console.print("\(report.sweep): \(report.images) images, \(size) MB read again.\(silent)")
        guard !report.findings.isEmpty else { return Console.print("All is well.") }
        if report.findings.contains(where: { $0.kind == .database }) {
            Console.print("Next: `tmdne rebuild \(directory)` makes the database again from the images.")
        } else if report.isSettled {
            Console.print("Next: `tmdne resume \(directory)` renders again what is missing.")
        } else {
            Console.print("Next: stop the coordinator, if one runs, and `tmdne check --repair \(directory)`.")
        }
    }
}
