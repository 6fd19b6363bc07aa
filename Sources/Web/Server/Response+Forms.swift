import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// The few forms in which the server answers.
extension Response {
    /// What never changes at its address.
    static let immutable = "private, max-age=31536000, immutable"

    static func text(_ text: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text + "\n")))
    }

    static func html(_ html: String) -> Response {
        Response(
            status: .ok, headers: [.contentType: "text/html; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: html)))
    }

    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return json(data: try encoder.encode(value), status: status)
    }

    static func json(data: Data, status: HTTPResponse.Status = .ok) -> Response {
        bytes(data, type: "application/json", status: status)
    }

    /// A sentence about what went wrong: `{"error": …}`.
    static func json(error sentence: String, status: HTTPResponse.Status) -> Response {
        // Encoding one string can't fail.
        (try? json(["error": sentence], status: status)) ?? text(sentence, status: status)
    }

    static func bytes(
        _ data: Data, type: String, cache: String? = nil, status: HTTPResponse.Status = .ok
    ) -> Response {
        var headers: HTTPFields = [.contentType: type]
        headers[.cacheControl] = cache
        return Response(
            status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: data)))
    }
}
