import ArgumentParser
import Coordinator
import Foundation
import Logging
import Web

/// Options of the commands that serve pages.
struct WebOptions: ParsableArguments {
    static let defaultPort = 7708

    @Option(
        help: """
            Address and port of the pages; 127.0.0.1:7708, or a free port, unless given. Elsewhere than on this machine they \
            ask for the join token.
            """, transform: Self.address)
    var web: ListenAddress?

    @Option(help: "A name by which browsers may call this host, beside its addresses; may be repeated.")
    var webName: [String] = []

    @Flag(help: "Serves no pages.")
    var noWeb = false

    private static func address(_ text: String) throws -> ListenAddress {
        guard let address = ListenAddress(text, defaultPort: defaultPort) else {
            throw ValidationError("“\(text)” is no address to listen on; write HOST:PORT.")
        }
        return address
    }

    func validate() throws {
        if noWeb && web != nil { throw ValidationError("--web and --no-web contradict one another; leave one away.") }
    }

    /// The pages of a sweep; `nil` when none are wanted. Blocks.
    func service(_ desk: SweepDesk, logger: Logger) throws -> WebService? {
        guard !noWeb else { return nil }
        var settings = WebService.Settings(host: "127.0.0.1", port: Self.defaultPort, isOptional: true)
        if let web { settings = WebService.Settings(host: web.host, port: web.port) }
        settings.names = Set(webName + [ProcessInfo.processInfo.hostName])
        if !settings.isLoopback {
            Console.note("The pages are not encrypted: let \(settings.host) be an address of a network that you trust.")
        }
        return try WebService(desk, settings: settings, logger: logger) { address in
            Console.note("Pages: \(address)")
        }
    }
}
