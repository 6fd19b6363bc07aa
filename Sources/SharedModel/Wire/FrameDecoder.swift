package import NIOCore

/// Cuts a stream of bytes into messages; wrap it in a `ByteToMessageHandler` or a `NIOSingleStepByteToMessageProcessor`.
///
/// A frame is `u32 length | u8 type | payload`, big-endian, the length counting type and payload. The length is
/// compared with the limit as soon as it is there, before the rest is waited for.
package struct FrameDecoder<Message: WireMessage>: NIOSingleStepByteToMessageDecoder {
    package typealias InboundOut = Message

    private let limit: FrameLimit

    package init(limit: FrameLimit) {
        self.limit = limit
    }

    package mutating func decode(buffer: inout ByteBuffer) throws -> Message? {
        guard let field = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return nil }
        let length = Int(field)
        guard length > 0 else { throw WireError.emptyFrame }
        let allowed = limit.bytes
        guard length <= allowed else { throw WireError.frameTooLong(length: length, limit: allowed) }

        guard let type = buffer.getInteger(at: buffer.readerIndex + FrameHeader.lengthBytes, as: UInt8.self) else {
            return nil
        }
        guard let longest = Message.longestFrame(ofType: type) else { throw WireError.unknownType(type) }
        guard length <= longest else { throw WireError.frameTooLong(length: length, limit: longest) }

        guard buffer.readableBytes >= FrameHeader.lengthBytes + length else { return nil }
        buffer.moveReaderIndex(forwardBy: FrameHeader.lengthBytes + FrameHeader.typeBytes)
        guard let payload = buffer.readSlice(length: length - FrameHeader.typeBytes) else { return nil }
        return try Message.decode(type: type, payload: payload)
    }

    package mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> Message? {
        if let message = try decode(buffer: &buffer) { return message }
        guard seenEOF, buffer.readableBytes > 0 else { return nil }
        let expected = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self).map { Int($0) } ?? 1
        let missing = FrameHeader.lengthBytes + expected - buffer.readableBytes
        buffer.moveReaderIndex(to: buffer.writerIndex)
        throw WireError.truncated(missing: missing)
    }
}

/// Sizes of the parts before a payload, in bytes.
enum FrameHeader {
    static let lengthBytes = 4
    static let typeBytes = 1
}
