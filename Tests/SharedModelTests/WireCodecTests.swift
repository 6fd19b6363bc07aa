import Foundation
import NIOCore
import NIOTestUtils
import Testing

@testable import SharedModel

@Suite("Frames")
struct WireCodecTests {
    @Test("every worker message has its golden bytes, both ways and however they are cut")
    func workerGoldenBytes() throws {
        for sample in try WireSamples.worker() {
            try check(sample.message, WireSamples.frame(type: sample.type, payload: Array(sample.payload.utf8)))
        }
    }

    @Test("every coordinator message has its golden bytes, both ways and however they are cut")
    func coordinatorGoldenBytes() throws {
        for sample in try WireSamples.coordinator() {
            try check(sample.message, WireSamples.frame(type: sample.type, payload: Array(sample.payload.utf8)))
        }
    }

    @Test("the samples hold every type of both directions")
    func samplesAreComplete() throws {
        #expect(try WireSamples.worker().map(\.type) == WorkerFrameType.allCases.map(\.rawValue))
        #expect(try WireSamples.coordinator().map(\.type) == CoordinatorFrameType.allCases.map(\.rawValue))
    }

    @Test("a grant, which is written by hand, is what the general encoder writes")
    func grantBytes() throws {
        var options = RenderOptions()
        options.profile = .a1111
        options.eta = Decimal(string: "0.5")
        options.loras = [.init(file: WireSamples.hash, weight: try #require(Decimal(string: "-0.8")))]
        options.guidanceInterval = try GuidanceInterval("0.28-5.42")
        options.zeroTerminalSNR = true
        let awkward = "caf\u{E9} \u{1F3A8} / \\ \" \t \n \u{1}"
        let cell = Cell(
            fingerprint: WireSamples.hash, guidance: try #require(Decimal(string: "7.25")), height: 64,
            negativePrompt: "", options: options, prompt: awkward, sampler: .ddim, seed: .max, steps: 3, width: 8)
        let granted = GrantedCell(
            key: cell.key, cell: cell, position: 5, rawPrompt: awkward, rawNegativePrompt: "-", style: "none",
            files: [WireSamples.hash: "ink \"2\".safetensors", WireSamples.key: "v"])
        let lease = try #require(LeaseID(hex: WireSamples.lease))
        let grant = Grant(lease: lease, shard: 3, model: awkward, cells: [granted, granted])
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json = grant.json()
        #expect(String(decoding: json, as: UTF8.self) == String(decoding: try encoder.encode(grant), as: UTF8.self))
        #expect(try JSONDecoder().decode(Grant.self, from: Data(json)) == grant)
    }

    @Test("an unknown key is ignored, so that a newer version may say more")
    func unknownKey() throws {
        let frame = WireSamples.frame(type: 0x88, payload: Array(#"{"reason":"done","mood":"fine"}"#.utf8))
        #expect(try decode(frame) == CoordinatorMessage.drain(Drain(reason: "done")))
    }

    @Test("a length above the limit is refused by its four bytes alone")
    func lengthBeforeBuffering() {
        var header = ByteBuffer(integer: UInt32(1025))
        var decoder = FrameDecoder<WorkerMessage>(limit: .unauthenticated())
        #expect(throws: WireError.frameTooLong(length: 1025, limit: 1024)) { try decoder.decode(buffer: &header) }
        var longest = ByteBuffer(integer: UInt32.max)
        #expect(throws: WireError.frameTooLong(length: 4_294_967_295, limit: 262_144)) {
            var decoder = FrameDecoder<WorkerMessage>(limit: .authenticated())
            return try decoder.decode(buffer: &longest)
        }
    }

    @Test("raising the limit takes effect on the live connection")
    func raisedLimit() throws {
        let limit = FrameLimit.unauthenticated()
        var decoder = FrameDecoder<WorkerMessage>(limit: limit)
        limit.raise()
        var frame = WireSamples.frame(type: 0x05, payload: Array(repeating: 7, count: WireLimits.chunkBytes))
        #expect(try decoder.decode(buffer: &frame) == .chunk(Array(repeating: 7, count: WireLimits.chunkBytes)))
    }

    @Test("a chunk is refused by its header when it is longer than chunks may be")
    func longChunk() {
        var header = WireSamples.frame(type: 0x05, payload: [], length: WireLimits.chunkBytes + 2)
        var decoder = FrameDecoder<WorkerMessage>(limit: .authenticated())
        #expect(throws: WireError.frameTooLong(length: 65_538, limit: 65_537)) { try decoder.decode(buffer: &header) }
    }

    @Test("a frame without a type and a type that nobody knows are named")
    func badHeaders() {
        #expect(throws: WireError.emptyFrame) {
            try decode(ByteBuffer(integer: UInt32(0))) as WorkerMessage?
        }
        #expect(throws: WireError.unknownType(0x42)) {
            try decode(WireSamples.frame(type: 0x42, payload: [])) as WorkerMessage?
        }
        #expect(throws: WireError.unknownType(0x81)) {
            try decode(WireSamples.frame(type: 0x81, payload: [])) as WorkerMessage?
        }
        #expect("\(WireError.unknownType(0x42))".contains("0x42"))
    }

    @Test("a connection that ends inside a frame is an error that says how much is missing")
    func truncated() {
        var frame = WireSamples.frame(type: 0x02, payload: [0x7B], length: 3)
        var decoder = FrameDecoder<WorkerMessage>(limit: .authenticated())
        #expect(throws: WireError.truncated(missing: 1)) { try decoder.decodeLast(buffer: &frame, seenEOF: true) }
    }

    @Test(
        "a payload that is not the JSON of its type gets one sentence that names the field",
        arguments: [
            (#"{"#, "its payload is not JSON"),
            (#"[]"#, "its payload is not a JSON object"),
            (#"{}"#, "“reason” is missing"),
            (#"{"reason":7}"#, "“reason” has a value of the wrong kind"),
        ])
    func malformed(payload: String, problem: String) {
        #expect(throws: WireError.malformed(frame: "drain", problem: problem)) {
            try decode(WireSamples.frame(type: 0x88, payload: Array(payload.utf8))) as CoordinatorMessage?
        }
    }

    @Test("an id that is not hexadecimal is refused with its path")
    func badLease() {
        #expect(throws: WireError.malformed(frame: "release", problem: "“lease” has a value that is not allowed")) {
            try decode(WireSamples.frame(type: 0x07, payload: Array(#"{"lease":"../../etc"}"#.utf8))) as WorkerMessage?
        }
    }

    @Test("a message that is longer than its frame may be is not written at all")
    func longHello() {
        var buffer = ByteBuffer()
        let hello = Hello(
            version: 1, secret: "", name: String(repeating: "\"", count: 64), identity: WireSamples.lease,
            device: String(repeating: "\"", count: 128), program: String(repeating: "\"", count: 64),
            leases: (0..<8).compactMap { _ in LeaseID(hex: WireSamples.lease) }, life: WireSamples.lease)
        #expect(throws: Never.self) { try buffer.writeFrame(WorkerMessage.hello(hello)) }
        #expect(buffer.readableBytes <= 4 + WireLimits.unauthenticatedFrameBytes)

        buffer.clear()
        let cells = Array(repeating: granted(prompt: String(repeating: "x", count: 16_000)), count: 20)
        let grant = LeaseID(hex: WireSamples.lease).map {
            Grant(lease: $0, shard: 0, model: "m", cells: cells.compactMap(\.self))
        }
        #expect(throws: WireError.self) { try buffer.writeFrame(CoordinatorMessage.grant(#require(grant))) }
        #expect(buffer.readableBytes == 0)
    }

    @Test("a hello tells what the worker can render, and may leave that out, or any part of it")
    func able() throws {
        let bare = Hello(
            version: 2, secret: "s", name: "ada", identity: WireSamples.lease, device: "cpu", program: "0.1", leases: []
        )
        let abilities = [
            Ability(), Ability(fetches: false),
            Ability(
                memory: 8_000_000_000, precision: "fp32", families: ["Stable Diffusion XL"], fetches: true,
                models: [WireSamples.hash]),
        ]
        let texts = [
            "{}", #"{"fetches":false}"#,
            #"{"families":["Stable Diffusion XL"],"fetches":true,"memory":8000000000,"models":["\#(WireSamples.hash)"],"#
                + #""precision":"fp32"}"#,
        ]
        for (ability, text) in zip(abilities, texts) {
            var hello = bare
            hello.able = ability
            let payload =
                #"{"able":\#(text),"device":"cpu","identity":"\#(WireSamples.lease)","leases":[],"name":"ada","#
                + #""program":"0.1","secret":"s","version":2}"#
            var buffer = ByteBuffer()
            try buffer.writeFrame(WorkerMessage.hello(hello))
            #expect(buffer == WireSamples.frame(type: 0x01, payload: Array(payload.utf8)))
            #expect(try decode(buffer) == WorkerMessage.hello(hello))
        }
    }

    @Test("a hello leaves out what a worker can render before it is too long to be let in with")
    func fittingHello() throws {
        let model = String(repeating: "a", count: 64)
        func hello(models: Int, quotes: Int) -> Hello {
            Hello(
                version: 2, secret: "s", name: "ada", identity: WireSamples.lease,
                device: String(repeating: "\"", count: quotes), program: "",
                leases: (0..<8).compactMap { _ in LeaseID(hex: WireSamples.lease) },
                able: Ability(
                    memory: 1 << 34, precision: "fp32",
                    families: ["Stable Diffusion 1.x", "Stable Diffusion 2.x", "Stable Diffusion XL"], fetches: true,
                    models: Array(repeating: model, count: models)))
        }
        #expect(hello(models: 4, quotes: 1).fitting() == hello(models: 4, quotes: 1))
        let short = hello(models: 16, quotes: 1).fitting()
        #expect(short.able?.models == nil)
        #expect(short.able?.memory == 1 << 34)
        #expect(hello(models: 0, quotes: 240).fitting().able == nil)
        var buffer = ByteBuffer()
        try buffer.writeFrame(WorkerMessage.hello(short))
    }

    @Test("a secret appears in no description and no dump")
    func secretsStaySecret() throws {
        for sample in try WireSamples.worker() where sample.payload.contains("c2VjcmV0") {
            var dumped = ""
            dump(sample.message, to: &dumped)
            #expect(!"\(sample.message)".contains("c2VjcmV0"))
            #expect(!dumped.contains("c2VjcmV0"))
        }
    }

    @Test("random and mutated frames end in a message or a WireError, never in a trap")
    func hostileFrames() throws {
        var random = SplitMix(state: 52_794_693)
        let seeds = try WireSamples.worker().map { WireSamples.frame(type: $0.type, payload: Array($0.payload.utf8)) }
        var refused = 0
        for round in 0..<20_000 {
            var bytes: [UInt8]
            if round.isMultiple(of: 4) {
                bytes = (0..<Int.random(in: 0...64, using: &random)).map { _ in random.next() }
            } else {
                bytes = Array(seeds[round % seeds.count].readableBytesView)
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    bytes[Int.random(in: 0..<bytes.count, using: &random)] = random.next()
                }
            }
            var buffer = ByteBuffer(bytes: bytes)
            var decoder = FrameDecoder<WorkerMessage>(limit: .authenticated())
            do {
                while try decoder.decodeLast(buffer: &buffer, seenEOF: true) != nil {}
            } catch is WireError {
                refused += 1
            }
        }
        #expect(refused > 10_000)
    }

    private func check<Message: WireMessage>(_ message: Message, _ golden: ByteBuffer) throws {
        var written = ByteBuffer()
        try written.writeFrame(message)
        #expect(written == golden, "\(String(buffer: written))")
        try ByteToMessageDecoderVerifier.verifyDecoder(inputOutputPairs: [(golden, [message])]) {
            FrameDecoder<Message>(limit: .authenticated())
        }
    }

    private func decode<Message: WireMessage>(_ frame: ByteBuffer) throws -> Message? {
        var frame = frame
        var decoder = FrameDecoder<Message>(limit: .authenticated())
        return try decoder.decode(buffer: &frame)
    }

    private func granted(prompt: String) -> GrantedCell? {
        CellKey(hex: WireSamples.key).map { key in
            GrantedCell(
                key: key,
                cell: Cell(
                    fingerprint: WireSamples.hash, guidance: 5, height: 64, negativePrompt: "", prompt: prompt,
                    sampler: .ddim, seed: 1, steps: 1, width: 64),
                position: 0, rawPrompt: "", rawNegativePrompt: "", style: "none")
        }
    }
}

/// A small seeded generator (SplitMix64), so that a failing history can be run again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
