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
            The token is a secret: others on this machine can read a command line, but not standard input (`-`) nor \
            TMDNE_JOIN.
            """)

    @Argument(help: "The join token, or - to read it from standard input; TMDNE_JOIN unless given.")
    var join: String?

    @OptionGroup var worker: WorkerOptions
    @OptionGroup var log: LogOptions

    func run() async throws {
        let text = try tokenText()
        let token: JoinToken
        do {
            token = try JoinToken(parsing: text)
        } catch {
            Console.note("Error: \(error)")
            throw ExitCode.validationFailure
        }
        let service = try LocalWorker(options: worker).service(token: token, logger: log.logger("tmdne.worker"))
        Console.note("Joining \(token)")
        let reporter = WorkerReporter(events: service.events, isVerbose: log.verbose)
        async let reporting: Void = reporter.run()
        var configuration = ServiceGroupConfiguration(
            services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: log.logger("tmdne.worker"))
        configuration.maximumGracefulShutdownDuration = .seconds(180)
        do {
            try await ServiceGroup(configuration: configuration).run()
            await reporting
        } catch let error as WorkerError {
            guard case .refused = error else { throw error }
            Console.note("Error: \(error)")
            throw ExitCode.refused
        }
    }

    private func tokenText() throws -> String {
        if join == "-" { return readLine() ?? "" }
        guard let text = join ?? ProcessInfo.processInfo.environment["TMDNE_JOIN"] else {
            throw ValidationError("Give the join token that the coordinator printed, or set TMDNE_JOIN.")
        }
        return text
    }
}
