package import NIOCore

extension WorkerMessage: WireMessage {
    package var frameType: UInt8 {
        let type: WorkerFrameType =
            switch self {
            case .hello: .hello
            case .claim: .claim
            case .beat: .beat
            case .offer: .offer
            case .chunk: .chunk
            case .fail: .fail
            case .release: .release
            case .bye: .bye
            case .inquire: .inquire
            case .want: .want
            case .fetch: .fetch
            case .preview: .preview
            }
        return type.rawValue
    }

    package static func longestFrame(ofType type: UInt8) -> Int? {
        switch WorkerFrameType(rawValue: type) {
        case .hello, .inquire: WireLimits.unauthenticatedFrameBytes
        case .chunk: 1 + WireLimits.chunkBytes
        case .preview: 1 + Preview.longestPayload
        case .claim, .beat, .offer, .fail, .release, .bye, .want, .fetch: WireLimits.controlFrameBytes
        case nil: nil
        }
    }

    package static func decode(type: UInt8, payload: ByteBuffer) throws(WireError) -> WorkerMessage {
        guard let frame = WorkerFrameType(rawValue: type) else { throw .unknownType(type) }
        let name = "\(frame)"
        switch frame {
        case .hello: return .hello(try .decode(name, payload))
        case .claim: return .claim(try .decode(name, payload))
        case .beat: return .beat(try .decode(name, payload))
        case .offer: return .offer(try .decode(name, payload))
        case .chunk:
            return .chunk(try WireBytes.read(payload, frame: name))
        case .fail: return .fail(try .decode(name, payload))
        case .release: return .release(try .decode(name, payload))
        case .bye:
            _ = try Claim.decode(name, payload)
            return .bye
        case .inquire: return .inquire(try .decode(name, payload))
        case .want: return .want(try .decode(name, payload))
        case .fetch: return .fetch(try .decode(name, payload))
        case .preview: return .preview(try .read(payload))
        }
    }

    package func writePayload(into buffer: inout ByteBuffer) throws(WireError) {
        switch self {
        case .hello(let hello): try hello.write("hello", into: &buffer)
        case .claim(let claim): try claim.write("claim", into: &buffer)
        case .beat(let beat): try beat.write("beat", into: &buffer)
        case .offer(let offer): try offer.write("offer", into: &buffer)
        case .chunk(let bytes):
            try WireBytes.write(bytes, frame: "chunk", into: &buffer)
        case .fail(let fail): try fail.write("fail", into: &buffer)
        case .release(let release): try release.write("release", into: &buffer)
        case .bye: try Claim().write("bye", into: &buffer)
        case .inquire(let inquire): try inquire.write("inquire", into: &buffer)
        case .want(let want): try want.write("want", into: &buffer)
        case .fetch(let fetch): try fetch.write("fetch", into: &buffer)
        case .preview(let preview): try preview.write(into: &buffer)
        }
    }
}

/// The payloads that are no JSON: a run of a file's bytes.
enum WireBytes {
    static func read(_ payload: ByteBuffer, frame: String) throws(WireError) -> [UInt8] {
        let bytes = Array(payload.readableBytesView)
        try validate(bytes, frame: frame)
        return bytes
    }

    static func write(_ bytes: [UInt8], frame: String, into buffer: inout ByteBuffer) throws(WireError) {
        try validate(bytes, frame: frame)
        buffer.writeBytes(bytes)
    }

    private static func validate(_ bytes: [UInt8], frame: String) throws(WireError) {
        guard (1...WireLimits.chunkBytes).contains(bytes.count) else {
            throw .outOfBounds(frame: frame, field: "payload", bounds: "1 to \(WireLimits.chunkBytes) bytes")
        }
    }
}
