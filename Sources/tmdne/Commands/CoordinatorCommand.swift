import ArgumentParser
import Coordinator
import Foundation
import SharedModel

struct CoordinatorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coordinator",
        abstract: "Hands a sweep out to workers on this and other machines.",
        discussion: """
            Prints the line that joins a worker, and ends when every cell is done or failed. Started again, with the \
            sweep file or with the directory alone, it goes on where it stopped, and the workers come back by themselves.

            tmdne coordinator Examples/tmdne.yaml --output demo --listen 0.0.0.0:7707
            """)

    @Argument(help: "The sweep file, or the directory of a sweep that was started before.")
    var sweep: String

    @Option(help: "Directory of the database and the images; named after the sweep unless given.")
    var output: String?

    @OptionGroup var serving: ServingOptions

    func run() async throws {
        var isDirectory: ObjCBool = false
        if FileManager.default.fileExists(atPath: sweep, isDirectory: &isDirectory), isDirectory.boolValue {
            guard output == nil else { throw ValidationError("\(sweep) is a directory: leave --output away.") }
            try await serving.host(SweepDirectory(URL(filePath: sweep))).run()
        } else {
            let planned = try PlannedSweep(file: sweep)
            try planned.warnings().forEach(Console.note)
            let directory = try SweepDirectory(output: output, sweep: planned.plan.name)
            try await serving.host(directory, plan: planned.plan, sweepFile: sweep).run()
        }
    }
}

struct ResumeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "Goes on with a sweep from its directory alone.",
        discussion: "It is the coordinator again: workers that were joined come back by themselves.")

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @OptionGroup var serving: ServingOptions

    func run() async throws {
        try await serving.host(directory.sweep).run()
    }
}

/// Options of the commands that serve workers.
struct ServingOptions: ParsableArguments {
    @Option(help: "Address and port to listen on; 0.0.0.0 lets other machines in.")
    var listen = ListenAddress()

    @Option(help: "Host to name in the join token, where others know this machine by another address; may be repeated.")
    var advertise: [String] = []

    @Flag(help: "Leaves connections unencrypted, which is allowed on this machine's own addresses alone.")
    var noTls = false

    @Flag(help: "Renders on this machine too.")
    var renderHere = false

    @Flag(help: "Stays when all is done, until a signal or `tmdne drain` ends it.")
    var stay = false

    @OptionGroup var web: WebOptions
    @OptionGroup var worker: WorkerOptions
    @OptionGroup var log: LogOptions

    /// A host of `directory` with these options; without a plan it goes on with what the directory holds.
    func host(_ directory: SweepDirectory, plan: SweepPlan? = nil, sweepFile: String? = nil) -> SweepHost {
        let sweepFile = sweepFile ?? directory.rememberedOrigin
        return SweepHost(
            directory: directory, plan: plan, sweepFile: sweepFile, host: listen.host, port: listen.port,
            advertisedHosts: advertise, isEncrypted: !noTls,
            endsWhenDone: !stay,
            worker: renderHere ? LocalWorker(options: worker, isSharing: true, sweepFile: sweepFile) : nil,
            invites: true, web: web, logger: log.logger("tmdne"))
    }
}
