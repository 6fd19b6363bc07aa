import ArgumentParser
import Coordinator
import Foundation
import ServiceLifecycle
import UnixSignals
import Web

struct WebCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "web",
        abstract: "Shows a sweep that rests in the browser: grid, audit, flaws, measures.",
        discussion: """
            A running coordinator serves the same pages by itself. Ends with Ctrl-C.

            tmdne web mathematicians
            """)

    @Argument(help: "The directory of the sweep.")
    var directory: DirectoryArgument

    @OptionGroup var web: WebOptions
    @OptionGroup var log: LogOptions

    func run() async throws {
        let logger = log.logger("tmdne")
        let reviewed = try ReviewedDirectory(directory.sweep)
        guard let pages = try web.service(SweepDesk(reviewed), logger: logger) else {
            throw ValidationError("This command serves pages and nothing else; leave --no-web away.")
        }
        let group = ServiceGroup(services: [pages], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        defer { withExtendedLifetime(reviewed) {} }
        do {
            try await group.run()
        } catch {
            await reviewed.close()
            throw error
        }
        await reviewed.close()
    }
}
