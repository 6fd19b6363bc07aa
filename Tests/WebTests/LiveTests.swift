import Foundation
import Logging
import NIOCore
import PNG
import Testing

@testable import Coordinator
@testable import Web

struct LiveTests {
    @Test("only what differs between two looks is told")
    func changes() {
        let old = [PositionMark(state: .pending), PositionMark(state: .leased)]
        let new = [
            PositionMark(state: .pending), PositionMark(state: .done, sha256: "abcdef0123456789", verdict: "keep"),
        ]
        let changes = MarkChange.between(old, new)
        #expect(changes == [MarkChange(position: 1, mark: MarkText(new[1]))])
        #expect(changes[0].mark.state == "d" && changes[0].mark.image == "abcdef01" && changes[0].mark.verdict == "k")
        #expect(MarkChange.between([], new).count == 2)
        #expect(MarkChange.between(new, new).isEmpty)
    }

    @Test("a page that listens hears of a verdict, and its stream ends when the pages close")
    func events() async throws {
        let sweep = try await RestingSweep()
        try await sweep.review { book, rows in
            let reader = try SweepReader(sweep.directory)
            let watcher = SweepWatcher(reader, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) {
                try SweepReader(sweep.directory).status()
            }
            #expect(try await watcher.list().states == "dddddl")
            let stream = try #require(await watcher.events())
            try await book.record(Opinion(cell: rows[1].cell, auditor: "ada", verdict: .reject))
            #expect(try await watcher.list().verdicts == "-r----")
            await watcher.close()
            var events: [String] = []
            for await event in stream { events.append(String(buffer: event)) }
            try #require(events.count == 2)
            #expect(events[0].hasPrefix("event: marks\ndata: {") && events[0].contains(#""changes":[]"#))
            #expect(events[1].contains(#""changes":[[1,"d","00000000","r"]]"#) && events[1].hasSuffix("\n\n"))
            #expect(await watcher.events() == nil)
        }
    }

    @Test("a smaller image is the mean of what it covers")
    func scaling() throws {
        let pixels: [UInt8] = [0, 0, 0, 100, 100, 100, 50, 60, 70, 50, 60, 70]
        let small = try PNGImage(width: 4, height: 1, pixels: pixels).scaled(toFit: 2)
        #expect(small.width == 2 && small.height == 1)
        #expect(small.pixels == [50, 50, 50, 50, 60, 70])
        #expect(try small.scaled(toFit: 256) == small)
    }

    @Test("a thumbnail is a WebP file, and one that is too large for the format is refused")
    func webP() throws {
        let image = try PNGImage(width: 2, height: 2, pixels: Array(repeating: 9, count: 12))
        #expect(try WebP.encode(image, quality: 80).starts(with: Array("RIFF".utf8)))
        let wide = try PNGImage(width: 20_000, height: 1, pixels: Array(repeating: 0, count: 60_000))
        #expect(throws: WebError.self) { try WebP.encode(wide, quality: 80) }
    }
}
