import Hummingbird

/// The cookie that stands for the token in a browser that has shown it.
struct SessionCookie: Sendable {
    /// Whether pages come through TLS: then the cookie never goes another way, and only this host can set it.
    let isSecure: Bool

    /// The prefix is a promise that browsers enforce (RFC 6265bis, section 4.1.3.2).
    var name: String { isSecure ? "__Host-tmdne" : "tmdne_session" }

    func holding(_ session: String) -> Cookie {
        Cookie(
            name: name, value: session, maxAge: Int(Sessions.duration.components.seconds), path: "/",
            secure: isSecure, httpOnly: true, sameSite: .strict)
    }
}
