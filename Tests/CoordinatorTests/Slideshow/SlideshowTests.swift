import Foundation
import PNG
import Testing

@testable import Coordinator

struct SlideshowTests {
    private static func options(_ change: (inout Slideshow.Options) -> Void = { _ in }) -> Slideshow.Options {
        var options = Slideshow.Options()
        options.showsAll = true
        change(&options)
        return options
    }

    private static func show(
        _ fixture: GridFixture, _ name: String = "out.mp4", _ options: Slideshow.Options = options()
    ) throws -> Slideshow {
        try Slideshow(fixture.directory, output: fixture.directory.url.appending(path: name), options: options)
    }

    @Test("the command is the original's: three seconds an image, 30 frames a second, H.264, yuv420p")
    func command() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .done(try .plain(1)) }
        let show = try Self.show(fixture)
        let words = show.command.joined(separator: " ")
        #expect(words.hasPrefix("ffmpeg "))
        #expect(words.contains("-framerate 1/3 -i \(fixture.path("slideshow/frame-%06d.png"))"))
        #expect(words.hasSuffix("-c:v libx264 -r 30 -pix_fmt yuv420p \(fixture.path("out.mp4"))"))
        #expect(show.imageCount == 6)
        #expect(try fixture.picture(fixture.path("slideshow/frame-000006.png")).width == 48)
    }

    @Test("only kept images are shown, in grid order or by guidance")
    func order() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { row in .done(try .plain(UInt32(row.position))) }
        #expect(throws: CoordinatorError.self) { try Self.show(fixture, "out.mp4", Slideshow.Options()) }
        let rows = try fixture.reader.rows()
        try await fixture.review { book in
            for row in [rows[1], rows[3], rows[4]] {
                try await book.record(Opinion(cell: row.cell, auditor: "ada", verdict: .keep))
            }
        }
        var options = Slideshow.Options()
        options.order = .guidance
        #expect(try Self.show(fixture, "out.mp4", options).imageCount == 3)
        let shown = try (1...3).map {
            try fixture.picture(fixture.path("slideshow/frame-00000\($0).png")).color(x: 0, y: 0)
        }
        #expect(shown == [3, 1, 4])
    }

    @Test("captions stand below the image, in an even height")
    func captions() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .done(try .plain(0xFF0000)) }
        let show = try Self.show(fixture, "out.gif", Self.options { $0.hasCaptions = true })
        let frame = try fixture.picture(fixture.path("slideshow/frame-000001.png"))
        #expect(frame.width == 48 && frame.height == 32 + 55)
        #expect(frame.color(x: 24, y: 10) == 0xFF0000)
        #expect(frame.color(x: 0, y: frame.height - 1) != 0xFF0000)
        #expect(show.command.contains { $0.contains("scale=48:88") })
    }

    @Test("a fade shows each image several times and blends between them")
    func fade() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .done(try .plain(1)) }
        let show = try Self.show(fixture, "out.webm", Self.options { $0.isFading = true })
        let words = show.command.joined(separator: " ")
        #expect(words.contains("-framerate 6/3 "))
        #expect(words.contains("framerate=fps=30") && words.contains("libvpx-vp9"))
        #expect(FileManager.default.fileExists(atPath: fixture.path("slideshow/frame-000036.png")))
    }

    @Test("a shell takes the printed command as it is")
    func quoting() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .done(try .plain(1)) }
        let show = try Self.show(fixture, "it's a show.mp4")
        #expect(show.commandLine.hasSuffix("it'\\''s a show.mp4'"))
    }

    @Test("a file name that names no film is refused")
    func badOutput() async throws {
        let fixture = try await GridFixture(HandmadeGrid()) { _ in .done(try .plain(1)) }
        #expect(throws: CoordinatorError.self) { try Self.show(fixture, "out.avi") }
    }
}
