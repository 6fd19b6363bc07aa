import ArgumentParser
import Foundation
import ServiceLifecycle
import SharedModel
import UnixSignals
import Worker

struct WorkerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "worker",
        abstract: "Joins a coordinator and renders for it until the sweep is done.",
        discussion: """
            Paste the line that `tmdne coordinator` printed. The worker reconnects by itself when the coordinator or \
            the network was away. Ctrl-C or SIGTERM lets it finish and deliver its image, and gives the rest back. \
            The token is a secret: others on this machine can read a command line with `ps`, but not a file of \
            yours (--join-file), standard input (`-`) or TMDNE_JOIN.
            """)

    @Argument(help: "The join token, or - to read it from standard input; --join-file or TMDNE_JOIN unless given.")
    var join: String?

    @OptionGroup var joining: JoinOptions

    @Flag(help: "Fetches no model that this machine lacks from the coordinator.")
    var noModelDownload = false

    @OptionGroup var worker: WorkerOptions
    @OptionGroup var log: LogOptions

    func run() async throws {
        let token = try joining.token(join)
        let service = try LocalWorker(options: worker, fetchesModels: !noModelDownload)
            .service(token: token, logger: log.logger("tmdne.worker"))
        Console.note("Joining \(token)")
        let reporter = WorkerReporter(events: service.events, isVerbose: log.verbose)
        async let reporting: Void = reporter.run()
        var configuration = ServiceGroupConfiguration(
            services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: log.logger("tmdne.worker"))
        configuration.maximumGracefulShutdownDuration = .seconds(180)
        let group = ServiceGroup(configuration: configuration)
        try await ExitCode.whenRefused { try await group.run() }
        await reporting
    }
}
