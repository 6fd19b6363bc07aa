import Foundation
import NIOCore
import Testing

@testable import SharedModel

/// One message of each type and the bytes that it must be, forever.
enum WireSamples {
    static let lease = "00112233445566778899aabbccddeeff"
    static let key = String(repeating: "ab", count: 32)
    static let hash = String(repeating: "cd", count: 32)

    static func worker() throws -> [(message: WorkerMessage, type: UInt8, payload: String)] {
        let lease = try #require(LeaseID(hex: Self.lease))
        let key = try #require(CellKey(hex: Self.key))
        return [
            (
                .hello(
                    Hello(
                        version: 1, secret: "c2VjcmV0", name: "ada", identity: Self.lease, device: "cpu",
                        program: "0.1", leases: [lease])), 0x01,
                #"{"device":"cpu","identity":"\#(Self.lease)","leases":["\#(Self.lease)"],"name":"ada","#
                    + #""program":"0.1","secret":"c2VjcmV0","version":1}"#
            ),
            (.claim(Claim()), 0x02, "{}"),
            (
                .beat(Beat(lease: lease, cell: key, step: 3, steps: 20)), 0x03,
                #"{"cell":"\#(Self.key)","lease":"\#(Self.lease)","step":3,"steps":20}"#
            ),
            (
                .offer(
                    Offer(
                        lease: lease, cell: key, sha256: hash, bytes: 1000,
                        timings: Timings(encode: 0.5, denoise: 2, decode: 0.25, png: 0.125))), 0x04,
                #"{"bytes":1000,"cell":"\#(Self.key)","lease":"\#(Self.lease)","sha256":"\#(hash)","#
                    + #""timings":{"decode":0.25,"denoise":2,"encode":0.5,"png":0.125}}"#
            ),
            (.chunk(Array("PNG".utf8)), 0x05, "PNG"),
            (
                .fail(Fail(lease: lease, cell: key, reason: "out of memory")), 0x06,
                #"{"cell":"\#(Self.key)","lease":"\#(Self.lease)","reason":"out of memory"}"#
            ),
            (.release(Release(lease: lease)), 0x07, #"{"lease":"\#(Self.lease)"}"#),
            (.bye, 0x08, "{}"),
            (.inquire(Inquire(version: 1, secret: "c2VjcmV0")), 0x09, #"{"secret":"c2VjcmV0","version":1}"#),
            (.want(Want(fingerprint: hash)), 0x0a, #"{"fingerprint":"\#(hash)"}"#),
            (
                .fetch(Fetch(fingerprint: hash, sha256: hash, offset: 65_536)), 0x0b,
                #"{"fingerprint":"\#(hash)","offset":65536,"sha256":"\#(hash)"}"#
            ),
            (
                .preview(
                    Preview(
                        cell: try #require(CellKey(hex: String(repeating: "61", count: 32))), width: 2, height: 1,
                        pixels: Array("RGBrgb".utf8))), 0x0c, String(repeating: "a", count: 32) + "\u{2}\u{1}RGBrgb"
            ),
        ]
    }

    static func coordinator() throws -> [(message: CoordinatorMessage, type: UInt8, payload: String)] {
        let lease = try #require(LeaseID(hex: Self.lease))
        let key = try #require(CellKey(hex: Self.key))
        let cell = Cell(
            fingerprint: hash, guidance: try #require(Decimal(string: "5.1")), height: 64, negativePrompt: "bangs",
            prompt: "a / b", sampler: .dpmpp2mKarras, seed: .max, steps: 20, width: 128)
        return [
            (
                .welcome(
                    Welcome(
                        version: 1, program: "0.1", sweep: "s", name: "ada-2", heartbeatSeconds: 5, leases: [lease])),
                0x81,
                #"{"heartbeatSeconds":5,"leases":["\#(Self.lease)"],"name":"ada-2","program":"0.1","sweep":"s","version":1}"#
            ),
            (
                .refused(Refused(reason: "The token is wrong.", isFinal: true)), 0x82,
                #"{"isFinal":true,"reason":"The token is wrong."}"#
            ),
            (
                .grant(
                    Grant(
                        lease: lease, shard: 7, model: "tiny",
                        cells: [
                            GrantedCell(
                                key: key, cell: cell, position: 2, rawPrompt: "b", rawNegativePrompt: "", style: "none")
                        ])), 0x83,
                #"{"cells":[{"cell":{"fingerprint":"\#(hash)","guidance":5.1,"height":64,"negativePrompt":"bangs","#
                    + #""prompt":"a / b","sampler":"dpmpp-2m-karras","seed":18446744073709551615,"steps":20,"#
                    + #""width":128},"key":"\#(Self.key)","position":2,"rawNegativePrompt":"","rawPrompt":"b","#
                    + #""style":"none"}],"lease":"\#(Self.lease)","model":"tiny","shard":7}"#
            ),
            (.idle(Idle(reason: "", retrySeconds: 2.5)), 0x84, #"{"reason":"","retrySeconds":2.5}"#),
            (.beatReply(BeatReply(lost: [lease])), 0x85, #"{"lost":["\#(Self.lease)"]}"#),
            (.send(Send(cell: key, offset: 500)), 0x86, #"{"cell":"\#(Self.key)","offset":500}"#),
            (
                .ack(Ack(cell: key, outcome: .duplicate, reason: "")), 0x87,
                #"{"cell":"\#(Self.key)","outcome":"duplicate","reason":""}"#
            ),
            (.drain(Drain(reason: "done")), 0x88, #"{"reason":"done"}"#),
            (
                .report(
                    SweepStatus(
                        sweep: "s", state: .running, message: nil, positions: 3, cells: 2, done: 1, failed: 0,
                        leased: 1, pending: 0, prioritised: 1, imagesPerMinute: 1.5, etaSeconds: nil,
                        workers: [
                            .init(name: "ada", device: "cpu", state: .working, done: 1, secondsPerImage: nil)
                        ], failures: [.init(cell: key, position: 1, reason: "r")])), 0x89,
                #"{"cells":2,"done":1,"etaSeconds":null,"failed":0,"#
                    + #""failures":[{"cell":"\#(Self.key)","position":1,"reason":"r"}],"#
                    + #""imagesPerMinute":1.5,"leased":1,"message":null,"pending":0,"positions":3,"prioritised":1,"#
                    + #""state":"running","sweep":"s","#
                    + #""workers":[{"device":"cpu","done":1,"name":"ada","note":null,"rendering":null,"secondsPerImage":null,"state":"working"}]}"#
            ),
            (
                .model(
                    ModelOffer(
                        fingerprint: hash, files: [.init(name: "unet/config.json", sha256: hash, bytes: 900)])), 0x8a,
                #"{"files":[{"bytes":900,"name":"unet/config.json","sha256":"\#(hash)"}],"#
                    + #""fingerprint":"\#(hash)","reason":""}"#
            ),
            (.piece(Array("PNG".utf8)), 0x8b, "PNG"),
        ]
    }

    /// The bytes of a frame, written without the code under test.
    static func frame(type: UInt8, payload: [UInt8], length: Int? = nil) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(UInt32(length ?? payload.count + 1))
        buffer.writeInteger(type)
        buffer.writeBytes(payload)
        return buffer
    }
}
