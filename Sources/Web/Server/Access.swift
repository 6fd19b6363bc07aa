import Foundation
import Hummingbird

/// Whom the pages are shown to, and how a browser is known again.
struct Access: Sendable {
    let rule: AccessRule
    let sessions: Sessions
    let cookie: SessionCookie

    func judge(_ request: Request) async -> AccessRule.Judgement {
        rule.judge(
            host: request.head.authority, origin: request.headers[.origin],
            isChange: request.method != .get && request.method != .head, isSignedIn: await isSignedIn(request))
    }

    /// Whether the browser that sent a request has shown a token which still counts.
    func isSignedIn(_ request: Request) async -> Bool {
        guard !rule.isOpen, let session = request.cookies[cookie.name]?.value else { return rule.isOpen }
        return await sessions.holds(session, now: Date())
    }
}
