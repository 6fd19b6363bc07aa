import Foundation
import NIOCore
import SharedModel

@testable import Coordinator
@testable import Diffusion

/// A decoder of bytes from outside, and what must hold of it for every input: it returns or throws its own error, and
/// what it takes it takes alike however the bytes are cut and written again.
enum FuzzTarget: String, CaseIterable {
    case workerFrames = "worker-frames"
    case coordinatorFrames = "coordinator-frames"
    case session
    case token
    case pngGate = "png-gate"
    case sweepFile = "sweep-file"
    case safetensorsHeader = "safetensors-header"

    /// Longest input, in bytes.
    static let longest = 4096

    /// Runs one input.
    ///
    /// - Throws: ``Broken`` when something does not hold.
    func run(_ input: [UInt8]) throws {
        switch self {
        case .workerFrames: try Self.frames(of: WorkerMessage.self, input)
        case .coordinatorFrames: try Self.frames(of: CoordinatorMessage.self, input)
        case .session: try Self.session(input)
        case .token: try Self.token(input)
        case .pngGate: try Self.pngGate(input)
        case .sweepFile: try Self.sweepFile(input)
        case .safetensorsHeader: try Self.safetensorsHeader(input)
        }
    }

    struct Broken: Error {
        var what: String
    }

    /// What a decoder takes it writes again so that it is taken for the same.
    private static func frames<Message: WireMessage>(of: Message.Type, _ input: [UInt8]) throws {
        var decoder = FrameDecoder<Message>(limit: .authenticated())
        var buffer = ByteBuffer(bytes: input)
        do {
            while let message = try decoder.decode(buffer: &buffer) {
                var written = ByteBuffer()
                do {
                    try written.writeFrame(message)
                } catch WireError.frameTooLong {
                    // JSON that is written longer than it was read, by escapes.
                    continue
                }
                guard try decoder.decode(buffer: &written) == message else {
                    throw Broken(what: "\(message) is not what it was when it is written and read again")
                }
            }
        } catch is WireError {
            return
        }
    }

    /// A session never stores more than was offered, and nothing after it has been closed.
    private static func session(_ input: [UInt8]) throws {
        var decoder = FrameDecoder<WorkerMessage>(limit: .authenticated())
        var buffer = ByteBuffer(bytes: input)
        var session = Coordinator.WorkerSession()
        var wanted = 0
        var isOver = false
        do {
            while let message = try decoder.decode(buffer: &buffer) {
                let step = session.received(message)
                guard !isOver || step == .ignore else { throw Broken(what: "a closed session does \(step)") }
                switch step {
                case .admit: session.admitted()
                case .judge(let offer):
                    wanted = offer.bytes
                    session.expectUpload(of: offer.bytes)
                case .store(let bytes, let isLast):
                    wanted -= bytes.count
                    guard wanted >= 0, isLast == (wanted == 0) else { throw Broken(what: "more came than was offered") }
                    if isLast { session.finishUpload() }
                case .reject, .leave, .report: isOver = true
                default: break
                }
            }
        } catch is WireError {
            return
        }
    }

    /// What is taken for a token is written as the same token.
    private static func token(_ input: [UInt8]) throws {
        guard let token = try? JoinToken(parsing: String(decoding: input, as: UTF8.self)) else { return }
        guard try JoinToken(parsing: token.text) == token else {
            throw Broken(what: "a token is another one after it was written")
        }
    }

    /// The gate judges the bytes, not how they are cut; each piece is as long as its first byte says.
    private static func pngGate(_ input: [UInt8]) throws {
        var pieces: [[UInt8]] = []
        var rest = input[...]
        while let first = rest.first {
            let piece = rest.prefix(1 + Int(first) % 32)
            pieces.append(Array(piece))
            rest = rest.dropFirst(piece.count)
        }
        guard isImage([input]) == isImage(pieces) else {
            throw Broken(what: "the verdict depends on how the bytes are cut")
        }
    }

    private static func isImage(_ pieces: [[UInt8]]) -> Bool {
        var gate = PNGGate(width: 8, height: 8)
        do throws(ImageRefusal) {
            for piece in pieces { try gate.check(piece) }
            try gate.finish()
            return true
        } catch {
            return false
        }
    }

    /// A sweep file is read, or refused with the module's own error.
    private static func sweepFile(_ input: [UInt8]) throws {
        do throws(SharedModelError) {
            _ = try Sweep(yaml: input, file: "/nowhere/sweep.yaml")
        } catch {
            guard !"\(error)".isEmpty else { throw Broken(what: "an error without a word") }
        }
    }

    /// A header that is taken gives every tensor a place of its own in the data, whose length is the first byte.
    private static func safetensorsHeader(_ input: [UInt8]) throws {
        let count = Int(input.first ?? 0)
        let header: SafetensorsHeader
        do throws(SafetensorsHeader.Failure) {
            header = try SafetensorsHeader(json: Array(input.dropFirst()), dataCount: count)
        } catch {
            guard !error.problem.isEmpty else { throw Broken(what: "an error without a word") }
            return
        }
        var end = 0
        for place in header.entries.values.map(\.range).sorted(by: { $0.upperBound < $1.upperBound })
        where !place.isEmpty {
            guard place.lowerBound == end else { throw Broken(what: "tensors overlap or leave a hole at \(end)") }
            end = place.upperBound
        }
        guard end == count else { throw Broken(what: "\(end) of \(count) bytes belong to a tensor") }
    }
}
