import ArgumentParser
import Coordinator
import Foundation

struct RebuildCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Makes a lost or damaged database again, from the sweep file and the images.",
        discussion: """
            Every image says which cell it shows; those that are whole are kept, the others are named. Timings, verdicts, \
            failures and priorities were in the database alone and are lost. A sound database is never touched, and a damaged \
            one is kept beside the new one.
            """)

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @Option(help: "The sweep file; the copy in the directory unless given.")
    var sweep: String?

    @Flag(help: "Prints JSON for scripts.")
    var json = false

    func run() async throws {
        let directory = self.directory.sweep
        let planned =
            try sweep.map { try PlannedSweep(file: $0) }
            ?? PlannedSweep(file: directory.source.path, copiedFrom: directory.rememberedOrigin)
        let report = try await SweepRebuild.run(directory, plan: planned.plan) { images in
            if Console.isTerminal { Console.rewrite("\(images) images are read") }
        }
        if let sweep { try directory.rememberOrigin(sweep) }
        if Console.isTerminal { Console.rewrite("") }
        guard !json else { return try Console.print(json: report) }
        for refusal in report.refused { Console.print("left out  \(refusal.path): \(refusal.reason)") }
        if let damaged = report.damaged { Console.print("The damaged database is kept as \(damaged).") }
        let hidden = report.hidden > 0 ? ", and \(report.hidden) images that the sweep file does not show now" : ""
        Console.print("\(report.sweep): \(report.done) of \(report.cells) cells have their image\(hidden).")
        Console.print("Next: `tmdne resume \(self.directory)` goes on.")
    }
}
