import ArgumentParser
import Coordinator
import Foundation
import Logging
import ServiceLifecycle
import SharedModel
import UnixSignals
import Web
import Worker

/// Serves a sweep from this process until it is done, with a worker of its own where one is wanted.
struct SweepHost {
    var directory: SweepDirectory
    /// What the sweep file says; `nil` goes on with what the directory holds.
    var plan: SweepPlan?
    /// The sweep file, whose folder may hold models; it is remembered for those who go on from the directory alone.
    var sweepFile: String?
    var host = "127.0.0.1"
    var port = 0
    /// Hosts to name in the join token instead of this one's addresses.
    var advertisedHosts: [String] = []
    /// Whether workers connect through TLS.
    var isEncrypted = true
    /// Whether the coordinator ends when every cell is done or failed.
    var endsWhenDone = true
    /// Where images can be rendered in this process; `nil` leaves it to workers that join.
    var worker: LocalWorker?
    /// Whether to print the line that joins a worker.
    var invites = false
    /// How pages are served.
    var web: WebOptions
    var logger: Logger

    /// Runs until the sweep is done or a signal ends it, and prints how it went.
    ///
    /// - Throws: What kept it from running; an `ExitCode` when cells failed or are left.
    func run() async throws {
        var settings = CoordinatorServer.Settings(program: Program.signature, exitsWhenDone: endsWhenDone)
        settings.advertisedHosts = advertisedHosts
        settings.isEncrypted = isEncrypted
        if let files = OpenFiles.raiseLimit() {
            settings.mostWorkers = min(settings.mostWorkers, OpenFiles.workers(files: files))
            settings.strangers = min(settings.strangers, OpenFiles.strangers(files: files))
        }
        let locator = ModelLocator(sweepFolder: sweepFile.map { URL(filePath: $0).deletingLastPathComponent().path })
        settings.findModel = { try locator.locate($0, fingerprint: $1) }
        settings.assess = { try ModelAssessor(locator: locator).need(of: $0) }
        let server = try await CoordinatorServer.start(
            in: directory, plan: plan, host: host, port: port, settings: settings, logger: logger)
        if let sweepFile, plan != nil { try directory.rememberOrigin(sweepFile) }
        if invites {
            Console.print("Join workers with this line; it holds the secret:")
            Console.print("tmdne worker \(server.joinToken.text)")
        }
        var services = [
            ServiceGroupConfiguration.ServiceConfiguration(
                service: server, successTerminationBehavior: .gracefullyShutdownGroup)
        ]
        if let pages = try web.service(SweepDesk(directory, server: server), logger: logger) {
            services.append(.init(service: pages))
        }
        if let worker {
            services.append(
                .init(
                    service: try worker.service(token: server.joinToken, logger: logger),
                    successTerminationBehavior: .ignore))
        }
        var configuration = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        configuration.maximumGracefulShutdownDuration = .seconds(60)
        let group = ServiceGroup(configuration: configuration)
        // No service: it may end before it is told to, which a group takes for a failure.
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { await ProgressReporter(server: server).run() }
            defer { tasks.cancelAll() }
            try await group.run()
        }
        try conclude(isDrained: await server.isDrained)
    }

    /// Says where the images are and what to do next, and chooses the exit code.
    private func conclude(isDrained: Bool) throws {
        let status = try SweepReader(directory).status()
        let path = directory.url.relativePath
        if Console.isTerminal { Console.note("") }
        switch (status.state, status.failed) {
        case (.done, 0):
            Console.print("\(status.positions) positions, \(status.cells) images: all done.")
            Console.print("Images: \(directory.images.relativePath)")
            Console.print(
                "Next: `tmdne web \(path)` to look and judge, `tmdne sheet \(path) -o sheet.png` for contact sheets, "
                    + "`tmdne export \(path)` for a table.")
        case (.done, let failed):
            Console.print("\(status.done) of \(status.cells) images are done; \(failed) cells failed:")
            for failure in status.failures { Console.print("  position \(failure.position): \(failure.reason)") }
            Console.print("Next: mend the cause, then `tmdne retry \(path)`; \(continuation(path)).")
            throw ExitCode.partlyFailed
        default:
            Console.print("\(status.done) of \(status.cells) images are done; nothing of them is lost.")
            Console.print("Next: \(continuation(path)).")
            // Who drains a sweep wants it to end here; a service manager would begin it again after a failure.
            if !isDrained { throw ExitCode.failure }
        }
    }

    private func continuation(_ path: String) -> String {
        worker == nil ? "`tmdne resume \(path)` goes on, and its workers come back" : "the same command again goes on"
    }
}

/// Shows a coordinator's progress: a bar on a terminal, else a line now and then.
private struct ProgressReporter {
    let server: CoordinatorServer

    /// Ends when it is cancelled.
    func run() async {
        var last: (done: Int, state: SweepStatus.State, message: String?, at: ContinuousClock.Instant)?
        while !Task.isCancelled {
            // A status that can't be read now may be readable a moment later.
            if let status = try? await server.status() {
                let now = ContinuousClock.now
                if Console.isTerminal {
                    Console.rewrite(ProgressText.bar(status))
                } else if last.map({
                    (status.state, status.message) != ($0.state, $0.message)
                        || status.done != $0.done && now - $0.at >= .seconds(10)
                }) ?? true {
                    Console.note(ProgressText.line(status))
                    last = (status.done, status.state, status.message, now)
                }
            }
            let pause = Duration.milliseconds(Console.isTerminal ? 500 : 1000)
            guard (try? await Task.sleep(for: pause)) != nil else { return }
        }
    }
}
