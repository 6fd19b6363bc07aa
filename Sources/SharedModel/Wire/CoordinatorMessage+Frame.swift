package import NIOCore

extension CoordinatorMessage: WireMessage {
    package var frameType: UInt8 {
        let type: CoordinatorFrameType =
            switch self {
            case .welcome: .welcome
            case .refused: .refused
            case .grant: .grant
            case .idle: .idle
            case .beatReply: .beatReply
            case .send: .send
            case .ack: .ack
            case .drain: .drain
            case .report: .report
            case .model: .model
            case .piece: .piece
            }
        return type.rawValue
    }

    package static func longestFrame(ofType type: UInt8) -> Int? {
        switch CoordinatorFrameType(rawValue: type) {
        case .piece: 1 + WireLimits.chunkBytes
        case .welcome, .refused, .grant, .idle, .beatReply, .send, .ack, .drain, .report, .model:
            WireLimits.controlFrameBytes
        case nil: nil
        }
    }

    package static func decode(type: UInt8, payload: ByteBuffer) throws(WireError) -> CoordinatorMessage {
        guard let frame = CoordinatorFrameType(rawValue: type) else { throw .unknownType(type) }
        let name = "\(frame)"
        switch frame {
        case .welcome: return .welcome(try .decode(name, payload))
        case .refused: return .refused(try .decode(name, payload))
        case .grant: return .grant(try .decode(name, payload))
        case .idle: return .idle(try .decode(name, payload))
        case .beatReply: return .beatReply(try .decode(name, payload))
        case .send: return .send(try .decode(name, payload))
        case .ack: return .ack(try .decode(name, payload))
        case .drain: return .drain(try .decode(name, payload))
        case .report: return .report(try .decode(name, payload))
        case .model: return .model(try .decode(name, payload))
        case .piece: return .piece(try WireBytes.read(payload, frame: name))
        }
    }

    package func writePayload(into buffer: inout ByteBuffer) throws(WireError) {
        switch self {
        case .welcome(let welcome): try welcome.write("welcome", into: &buffer)
        case .refused(let refused): try refused.write("refused", into: &buffer)
        case .grant(let grant): try grant.write("grant", into: &buffer)
        case .idle(let idle): try idle.write("idle", into: &buffer)
        case .beatReply(let reply): try reply.write("beatReply", into: &buffer)
        case .send(let send): try send.write("send", into: &buffer)
        case .ack(let ack): try ack.write("ack", into: &buffer)
        case .drain(let drain): try drain.write("drain", into: &buffer)
        case .report(let status): try status.write("report", into: &buffer)
        case .model(let model): try model.write("model", into: &buffer)
        case .piece(let bytes): try WireBytes.write(bytes, frame: "piece", into: &buffer)
        }
    }
}
