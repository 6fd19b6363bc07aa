import Foundation
import NIOCore
import Testing

@testable import SharedModel

@Suite("Bounds of the fields")
struct WireBoundsTests {
    private static let outOfBounds: [(type: UInt8, payload: String)] = [
        (0x03, #"{"step":-1,"steps":20}"#),
        (0x03, #"{"step":21,"steps":20}"#),
        (0x03, #"{"step":0,"steps":9223372036854775807}"#),
        (0x04, offer(bytes: "0")),
        (0x04, offer(bytes: "\(WireLimits.imageBytes + 1)")),
        (0x04, offer(hash: "../../../etc/passwd")),
        (0x04, offer(hash: String(repeating: "AB", count: 32))),
        (0x04, offer(encode: "-0.001")),
        (0x04, offer(encode: "1e300")),
        (0x01, hello(name: "")),
        (0x01, hello(name: "two\\nlines")),
        (0x01, hello(name: "\\u001b[2J")),
        (0x01, hello(name: "\\u202egnp")),
        (0x01, hello(name: String(repeating: "é", count: 33))),
        (0x01, hello(identity: "x")),
        (0x01, hello(version: "-1")),
        (0x01, hello(life: "x")),
        (0x01, hello(able: #""memory":-1"#)),
        (0x01, hello(able: #""memory":\#((1 << 50) + 1)"#)),
        (0x01, hello(able: #""precision":"a\u0007""#)),
        (0x01, hello(able: #""families":["\u202e"]"#)),
        (0x01, hello(able: #""families":[\#(Array(repeating: #""""#, count: 17).joined(separator: ","))]"#)),
        (0x01, hello(able: #""models":["../x"]"#)),
        (0x06, fail(reason: "a\\u0000b")),
        (0x06, fail(reason: String(repeating: "x", count: 1025))),
    ]

    @Test("a worker's value out of its bounds is refused on arrival", arguments: outOfBounds)
    func workerBounds(type: UInt8, payload: String) {
        var frame = WireSamples.frame(type: type, payload: Array(payload.utf8))
        var decoder = FrameDecoder<WorkerMessage>(limit: .authenticated())
        #expect {
            try decoder.decode(buffer: &frame)
        } throws: { error in
            guard case .outOfBounds? = error as? WireError else { return false }
            return true
        }
    }

    @Test(
        "a report that would trap who adds up its numbers, or steer his terminal, is refused",
        arguments: [
            #""done":9223372036854775807,"message":null"#, #""done":1,"message":"\u001b[2J""#,
        ])
    func reportBounds(fields: String) {
        let payload = """
            {\(fields),"cells":2,"failed":0,"failures":[],"imagesPerMinute":null,"etaSeconds":null,"leased":1,"pending":0,\
            "positions":3,"prioritised":1,"state":"running","sweep":"s","workers":[]}
            """
        var frame = WireSamples.frame(type: 0x89, payload: Array(payload.utf8))
        var decoder = FrameDecoder<CoordinatorMessage>(limit: .authenticated())
        #expect {
            try decoder.decode(buffer: &frame)
        } throws: { error in
            guard case .outOfBounds? = error as? WireError else { return false }
            return true
        }
    }

    @Test(
        "a preview of other sides or another length than it says is refused",
        arguments: [(0, 1, 0), (1, 0, 0), (129, 1, 387), (1, 255, 765), (2, 2, 11), (2, 2, 13), (128, 128, 0)])
    func previews(width: UInt8, height: UInt8, colours: Int) {
        let payload = [UInt8](repeating: 7, count: 32) + [width, height] + [UInt8](repeating: 0, count: colours)
        var frame = WireSamples.frame(type: 0x0c, payload: payload)
        var decoder = FrameDecoder<WorkerMessage>(limit: .authenticated())
        #expect {
            try decoder.decode(buffer: &frame)
        } throws: { error in
            guard case .outOfBounds("preview", _, _)? = error as? WireError else { return false }
            return true
        }
    }

    @Test("a preview that is too short, and one that is too long before it is there, are refused")
    func previewLengths() throws {
        var decoder = FrameDecoder<WorkerMessage>(limit: .authenticated())
        var short = WireSamples.frame(type: 0x0c, payload: Array(repeating: 7, count: 33))
        #expect(throws: WireError.malformed(frame: "preview", problem: "it is shorter than 34 bytes")) {
            try decoder.decode(buffer: &short)
        }
        let longest = 1 + 34 + 3 * 128 * 128
        var head = WireSamples.frame(type: 0x0c, payload: [], length: longest + 1)
        #expect(throws: WireError.frameTooLong(length: longest + 1, limit: longest)) {
            try decoder.decode(buffer: &head)
        }
        var largest = WireSamples.frame(
            type: 0x0c, payload: Array(repeating: 7, count: 32) + [128, 128] + Array(repeating: 9, count: 49_152))
        #expect(try decoder.decode(buffer: &largest) != nil)
    }

    @Test("what to make previews with is in a grant only where they are wanted, and within bounds")
    func grantedPreview() throws {
        let cell = Cell(
            fingerprint: WireSamples.hash, guidance: 5, height: 64, negativePrompt: "", prompt: "", sampler: .ddim,
            seed: 1, steps: 1, width: 64)
        let granted = GrantedCell(
            key: cell.key, cell: cell, position: 0, rawPrompt: "", rawNegativePrompt: "", style: "")
        let lease = try #require(LeaseID(hex: WireSamples.lease))
        var grant = Grant(lease: lease, shard: 0, model: "m", cells: [granted])
        var buffer = ByteBuffer()
        try buffer.writeFrame(CoordinatorMessage.grant(grant))
        #expect(!String(buffer: buffer).contains("preview"))
        grant.preview = PreviewFile(name: "taesd", fingerprint: WireSamples.hash)
        buffer.clear()
        try buffer.writeFrame(CoordinatorMessage.grant(grant))
        #expect(
            String(buffer: buffer).contains(
                #""preview":{"fingerprint":"\#(WireSamples.hash)","name":"taesd"},"shard":0}"#))
        var decoder = FrameDecoder<CoordinatorMessage>(limit: .authenticated())
        #expect(try decoder.decode(buffer: &buffer) == .grant(grant))
        grant.preview?.fingerprint = "../x"
        #expect(throws: WireError.self) { try buffer.writeFrame(CoordinatorMessage.grant(grant)) }
    }

    @Test("the templates of the refused values are accepted as they are")
    func templatesAreValid() throws {
        for (type, payload) in [(UInt8(0x04), Self.offer()), (0x01, Self.hello()), (0x06, Self.fail())] {
            var frame = WireSamples.frame(type: type, payload: Array(payload.utf8))
            var decoder = FrameDecoder<WorkerMessage>(limit: .authenticated())
            #expect(try decoder.decode(buffer: &frame) != nil)
        }
    }

    @Test(
        "numbers that JSON can't hold or Int can't take are refused, not rounded", arguments: ["1e999", "1.5", "1e40"])
    func absurdNumbers(number: String) {
        var frame = WireSamples.frame(type: 0x04, payload: Array(Self.offer(bytes: number).utf8))
        var decoder = FrameDecoder<WorkerMessage>(limit: .authenticated())
        #expect(throws: WireError.self) { try decoder.decode(buffer: &frame) }
    }

    @Test("a granted cell must have a size that the model can render", arguments: [0, 7, 63, -8, 16_392])
    func grantedSize(width: Int) throws {
        let cell = Cell(
            fingerprint: WireSamples.hash, guidance: 5, height: 64, negativePrompt: "", prompt: "", sampler: .ddim,
            seed: 1, steps: 1, width: width)
        let grant = Grant(
            lease: try #require(LeaseID(hex: WireSamples.lease)), shard: 0, model: "m",
            cells: [
                GrantedCell(
                    key: try #require(CellKey(hex: WireSamples.key)), cell: cell, position: 0, rawPrompt: "",
                    rawNegativePrompt: "", style: "")
            ])
        var buffer = ByteBuffer()
        #expect(throws: WireError.self) { try buffer.writeFrame(CoordinatorMessage.grant(grant)) }
    }

    @Test(
        "guidance and seed keep every digit over the wire", arguments: ["5.1", "0.1", "18.5", "7.123456789012345678"])
    func exactNumbers(digits: String) throws {
        let guidance = try #require(Decimal(string: digits))
        let cell = Cell(
            fingerprint: WireSamples.hash, guidance: guidance, height: 64, negativePrompt: "", prompt: "",
            sampler: .ddim, seed: .max - 1, steps: 1, width: 64)
        let granted = GrantedCell(
            key: try #require(CellKey(hex: WireSamples.key)), cell: cell, position: 0, rawPrompt: "",
            rawNegativePrompt: "", style: "")
        let message = CoordinatorMessage.grant(
            Grant(lease: try #require(LeaseID(hex: WireSamples.lease)), shard: 0, model: "m", cells: [granted]))
        var buffer = ByteBuffer()
        try buffer.writeFrame(message)
        #expect(String(buffer: buffer).contains("\"guidance\":\(digits),"))
        var decoder = FrameDecoder<CoordinatorMessage>(limit: .authenticated())
        #expect(try decoder.decode(buffer: &buffer) == message)
    }

    @Test("a reason of ours is made one printable line before it is sent")
    func reasonsAreClipped() {
        #expect(Drain(reason: "a\nb\u{1B}c").reason == "a b c")
        let long = Drain(reason: String(repeating: "é", count: 2000)).reason
        #expect(long.utf8.count <= WireLimits.reasonBytes && long.hasSuffix("é…"))
        #expect(Drain(reason: "plain").reason == "plain")
    }

    private static func offer(
        bytes: String = "1", hash: String = WireSamples.hash, encode: String = "0"
    ) -> String {
        #"{"lease":"\#(WireSamples.lease)","cell":"\#(WireSamples.key)","sha256":"\#(hash)","bytes":\#(bytes),"#
            + #""timings":{"encode":\#(encode),"denoise":0,"decode":0,"png":0}}"#
    }

    private static func hello(
        name: String = "ada", identity: String = WireSamples.lease, version: String = "1", able: String = "",
        life: String = WireSamples.lease
    ) -> String {
        #"{"version":\#(version),"secret":"s","name":"\#(name)","identity":"\#(identity)","device":"","#
            + #""program":"","leases":[],"able":{\#(able)},"life":"\#(life)"}"#
    }

    private static func fail(reason: String = "why") -> String {
        #"{"lease":"\#(WireSamples.lease)","cell":"\#(WireSamples.key)","reason":"\#(reason)"}"#
    }
}
