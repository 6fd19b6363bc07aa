package import NIOCore

/// Writes messages as frames; wrap it in a `MessageToByteHandler`.
package struct FrameEncoder<Message: WireMessage>: MessageToByteEncoder {
    package typealias OutboundIn = Message

    package init() {}

    /// - Throws: ``WireError`` when a value is out of its bounds or the frame would be longer than the other side takes.
    package func encode(data: Message, out: inout ByteBuffer) throws {
        try out.writeFrame(data)
    }
}

extension ByteBuffer {
    /// Appends `message` as one frame, or nothing when it throws.
    ///
    /// - Throws: ``WireError`` when a value is out of its bounds or the frame would be longer than the other side takes.
    package mutating func writeFrame(_ message: some WireMessage) throws(WireError) {
        let start = writerIndex
        do throws(WireError) {
            writeInteger(0, as: UInt32.self)
            writeInteger(message.frameType)
            try message.writePayload(into: &self)
            let length = writerIndex - start - FrameHeader.lengthBytes
            let limit = type(of: message).longestFrame(ofType: message.frameType) ?? 0
            guard length <= limit, let field = UInt32(exactly: length) else {
                throw WireError.frameTooLong(length: length, limit: limit)
            }
            setInteger(field, at: start)
        } catch {
            moveWriterIndex(to: start)
            throw error
        }
    }
}
