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
            are encrypted and ask for the join token.
            """, transform: Self.address)
    var web: ListenAddress?

    @Option(
        help: """
            A name by which browsers call this host, as through a proxy; may be repeated. The token is asked for then, also \
            on 127.0.0.1.
            """)
    var webName: [String] = []

    @Option(help: "A certificate for the pages (PEM, with those that vouch for it) in place of one of their own.")
    var webCertificate: String?

    @Option(help: "The private key of that certificate (PEM).")
    var webKey: String?

    @Flag(help: "Reads what is written on the images, with tesseract: a hint for the audit, about a second an image.")
    var readText = false

    @Flag(help: "Serves no pages.")
    var noWeb = false

    private static func address(_ text: String) throws -> ListenAddress {
        guard let address = ListenAddress(text, defaultPort: defaultPort) else {
            throw ValidationError("“\(text)” is no address to listen on; write HOST:PORT.")
        }
        return address
    }

    func validate() throws {
        if noWeb && readText {
            throw ValidationError("--read-text reads for the pages; leave --no-web away, or use `tmdne measure` later.")
        }
        guard (webCertificate == nil) == (webKey == nil) else {
            throw ValidationError("--web-certificate and --web-key belong together; give both or none.")
        }
        if noWeb && web != nil { throw ValidationError("--web and --no-web contradict one another; leave one away.") }
    }

    /// The pages of a sweep; `nil` when none are wanted. Blocks.
    func service(_ desk: SweepDesk, logger: Logger) throws -> WebService? {
        guard !noWeb else { return nil }
        var settings = WebService.Settings(host: "127.0.0.1", port: Self.defaultPort, isOptional: true)
        if let web { settings = WebService.Settings(host: web.host, port: web.port) }
        settings.names = Set(webName + [ProcessInfo.processInfo.hostName])
        settings.isBehindProxy = !webName.isEmpty
        if let webCertificate, let webKey {
            settings.certificate = WebService.CertificateFiles(certificate: webCertificate, key: webKey)
        }
        if readText { settings.boardReader = try BoardReader() }
        let (asksForToken, hasOwnCertificate) = (!settings.isLoopback || settings.isBehindProxy, webCertificate == nil)
        let secret = desk.directory.secret.relativePath
        return try WebService(desk, settings: settings, logger: logger) { address in
            Console.note("Pages: \(address.urls.joined(separator: " or "))")
            if asksForToken { Console.note("  They ask for a join token once, or for what stands in \(secret).") }
            guard let fingerprint = address.fingerprint, hasOwnCertificate else { return }
            Console.note("  Browsers warn of their certificate once: nobody vouches for it. Its SHA-256 fingerprint:")
            Console.note("  \(fingerprint)")
        }
    }
}
