import Foundation
package import NIOCore

/// One direction of the protocol: what the frame codec must know of its messages.
package protocol WireMessage: Equatable, Sendable {
    /// Type byte of the frame that carries this message.
    var frameType: UInt8 { get }

    /// Longest frame of `type` once the connection is let in, type byte and payload, in bytes; `nil`: no such type.
    static func longestFrame(ofType type: UInt8) -> Int?

    /// Reads and validates the payload of a frame.
    ///
    /// - Throws: ``WireError`` for an unknown type, for what is not its JSON, and for values out of bounds.
    static func decode(type: UInt8, payload: ByteBuffer) throws(WireError) -> Self

    /// Appends the payload, after the checks that the other side will make.
    ///
    /// - Throws: ``WireError`` for values out of bounds.
    func writePayload(into buffer: inout ByteBuffer) throws(WireError)
}

/// A payload that travels as a JSON object.
protocol WirePayload: Codable {
    /// - Throws: ``WireError`` for the first value out of its bounds.
    func validate() throws(WireError)

    /// The payload in UTF-8: keys in alphabetical order, no white space.
    func json() throws -> [UInt8]
}

extension WirePayload {
    static func decode(_ frame: String, _ payload: ByteBuffer) throws(WireError) -> Self {
        let message: Self
        do {
            message = try JSONDecoder().decode(Self.self, from: Data(payload.readableBytesView))
        } catch {
            throw .malformed(frame: frame, problem: Self.problem(of: error))
        }
        try message.validate()
        return message
    }

    func write(_ frame: String, into buffer: inout ByteBuffer) throws(WireError) {
        try validate()
        do {
            buffer.writeBytes(try json())
        } catch {
            throw .malformed(frame: frame, problem: "it can't be written as JSON")
        }
    }

    func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }

    private static func problem(of error: any Error) -> String {
        guard let error = error as? DecodingError else { return "its payload is not a JSON object" }
        switch error {
        case .keyNotFound(let key, _):
            return "“\(WireText.line(key.stringValue, longest: 64))” is missing"
        case .typeMismatch(_, let context), .valueNotFound(_, let context):
            return place(context).map { "“\($0)” has a value of the wrong kind" } ?? "its payload is not a JSON object"
        case .dataCorrupted(let context):
            return place(context).map { "“\($0)” has a value that is not allowed" } ?? "its payload is not JSON"
        @unknown default:
            return "its payload is not understood"
        }
    }

    private static func place(_ context: DecodingError.Context) -> String? {
        guard !context.codingPath.isEmpty else { return nil }
        let path = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
        return WireText.line(path, longest: 64)
    }
}
