import ArgumentParser
import Coordinator
import Foundation
import SharedModel

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Renders a whole sweep on this machine and shows the progress.",
        discussion: """
            Run it again to resume: what is done stays done, also after a crash or when the sweep file was edited.

            tmdne run Examples/tmdne.yaml --output demo
            """)

    @Argument(help: "The sweep file.")
    var sweep: String

    @Option(help: "Directory of the database and the images; named after the sweep unless given.")
    var output: String?

    @Flag(help: "Renders each cell by itself; the images are the same, only later.")
    var noSharing = false

    @OptionGroup var web: WebOptions
    @OptionGroup var worker: WorkerOptions
    @OptionGroup var log: LogOptions

    func run() async throws {
        let planned = try PlannedSweep(file: sweep)
        try planned.warnings().forEach(Console.note)
        try await SweepHost(
            directory: try SweepDirectory(output: output, sweep: planned.plan.name), plan: planned.plan,
            sweepFile: sweep,
            worker: LocalWorker(options: worker, isSharing: !noSharing, hasCompany: false, sweepFile: sweep),
            web: web, logger: log.logger("tmdne")
        ).run()
    }
}
