import HTTPTypes
import Hummingbird

/// Keeps strangers out and tells browsers what pages may do.
struct Gatekeeper<Context: RequestContext>: RouterMiddleware {
    let access: Access

    /// Pages load nothing but their own files, run no inline script, and stand in nobody's frame.
    private static var policy: String {
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
            + "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    }

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response: Response
        switch await access.judge(request) {
        case .foreign(let sentence):
            response = .text(sentence, status: .forbidden)
        case .stranger where !Self.isForStrangers(request.uri.path):
            response =
                request.uri.path.hasPrefix("/api/")
                ? .json(error: "Sign in with the join token first: open the page again.", status: .unauthorized)
                : Response(status: .seeOther, headers: [.location: "/login"])
        case .stranger, .welcome:
            response = await Self.answer(request, context, next)
        }
        response.headers[.contentSecurityPolicy] = Self.policy
        response.headers[.xContentTypeOptions] = "nosniff"
        if let name = HTTPField.Name("Referrer-Policy") { response.headers[name] = "no-referrer" }
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        return response
    }

    /// What goes wrong is told in a sentence.
    private static func answer(
        _ request: Request, _ context: Context, _ next: (Request, Context) async throws -> Response
    ) async -> Response {
        do {
            return try await next(request, context)
        } catch let error as WebError {
            switch error {
            case .notFound: return .json(error: error.description, status: .notFound)
            case .request: return .json(error: error.description, status: .badRequest)
            default: return .json(error: error.description, status: .internalServerError)
            }
        } catch let error as HTTPError {
            return .json(error: error.body ?? "There is nothing here; go back to the overview.", status: error.status)
        } catch {
            return .json(error: "\(error)", status: .internalServerError)
        }
    }

    private static func isForStrangers(_ path: String) -> Bool {
        path == "/login" || path.hasPrefix("/static/")
    }
}
