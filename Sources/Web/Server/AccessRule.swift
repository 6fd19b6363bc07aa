/// Who may see the pages, decided from a request's headers and whether its browser has shown a token.
///
/// On loopback everybody who can connect may, as long as the browser was led there under a loopback name: another site
/// whose name was bound to this address (DNS rebinding) is turned away. Elsewhere a join token is asked for once.
struct AccessRule: Sendable {
    enum Judgement: Equatable, Sendable {
        case welcome
        /// The person has to show the token first.
        case stranger
        /// The browser came under another name, or another site made it come.
        case foreign(String)
    }

    /// Whether no token is asked for.
    let isOpen: Bool
    private let names: Set<String>

    /// - Parameters:
    ///   - isOpen: Whether no token is asked for; for loopback.
    ///   - names: Names, beside numeric addresses, under which the host may be called.
    init(isOpen: Bool, names: Set<String>) {
        self.isOpen = isOpen
        self.names = Set(names.map { $0.lowercased() })
    }

    /// - Parameters:
    ///   - host: The host that the browser believes to be talking to, with its port.
    ///   - origin: The `Origin` header.
    ///   - isChange: Whether the request can change something.
    ///   - isSignedIn: Whether the browser has shown a token.
    /// - Returns: Whether the request is answered.
    func judge(host: String?, origin: String?, isChange: Bool, isSignedIn: Bool) -> Judgement {
        guard let host, isOurs(Self.name(of: host)) else {
            return .foreign("This host is not served here under that name; use its address or --web-name.")
        }
        if let origin, origin != "http://\(host)", origin != "https://\(host)" {
            return .foreign("Another site sent this request; open the page itself.")
        }
        // Browsers send an origin with every POST and DELETE.
        if isChange && origin == nil {
            return .foreign("A change must come from a page; the Origin header is missing.")
        }
        return isOpen || isSignedIn ? .welcome : .stranger
    }

    private func isOurs(_ name: String) -> Bool {
        if ["localhost", "127.0.0.1", "[::1]"].contains(name) || names.contains(name) { return true }
        // A numeric address is never looked up, so nobody can bind it to another site's name.
        return !isOpen && (name.hasPrefix("[") || name.allSatisfy { $0.isNumber && $0.isASCII || $0 == "." })
    }

    /// The host without its port, in lower case.
    private static func name(of host: String) -> String {
        let lower = host.lowercased()
        if lower.hasPrefix("["), let end = lower.firstIndex(of: "]") { return String(lower[...end]) }
        return String(lower.prefix { $0 != ":" })
    }
}
