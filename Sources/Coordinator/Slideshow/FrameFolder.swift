import Foundation
import PNG

/// The numbered frames of a film: links to images, or images with a caption.
struct FrameFolder: Sendable {
    let url: URL

    init(_ url: URL) {
        self.url = url
    }

    /// The frames as ffmpeg's image2 format names them, where a percent sign of a folder stands twice.
    var pattern: String {
        url.path.replacing("%", with: "%%") + "/frame-%06d.png"
    }

    /// Makes the frames anew, each image `repeats` times.
    func lay(_ rows: [GridRow], _ directory: SweepDirectory, repeats: Int, captions: Bool) throws {
        let manager = FileManager.default
        try DurableFile.makeDirectory(url.path)
        for name in (try? manager.contentsOfDirectory(atPath: url.path)) ?? [] where name.hasPrefix("frame-") {
            try? manager.removeItem(at: url.appending(path: name))
        }
        let images = ImageReader(directory)
        var number = 1
        for row in rows {
            guard let path = row.image else { continue }
            var source = directory.url.resolvingSymlinksInPath().appending(path: path)
            for repetition in 0..<repeats {
                let frame = url.appending(path: Self.name(number))
                if captions && repetition == 0 {
                    try DurableFile.replace(frame.path, with: Self.captioned(row, images), mode: 0o666)
                    source = frame
                } else {
                    try manager.createSymbolicLink(at: frame, withDestinationURL: source)
                }
                number += 1
            }
        }
    }

    /// The size that all frames must be brought to; `nil` when they have one size, of even sides as yuv420p needs it.
    func size(_ rows: [GridRow], captions: Bool) throws -> (width: Int, height: Int)? {
        let sizes = rows.map { (width: $0.width, height: $0.height + (captions ? Self.captionHeight($0) : 0)) }
        let width = sizes.map(\.width).max() ?? 2
        let height = sizes.map(\.height).max() ?? 2
        let isEven = width.isMultiple(of: 2) && height.isMultiple(of: 2)
        guard !isEven || sizes.contains(where: { $0.width != width || $0.height != height }) else { return nil }
        return (width + width % 2, height + height % 2)
    }

    private static func name(_ number: Int) -> String {
        let digits = "\(number)"
        return "frame-" + String(repeating: "0", count: max(0, 6 - digits.count)) + digits + ".png"
    }

    /// Height of a caption's font in pixels: about forty letters a line, and never too small to be read.
    private static func em(_ row: GridRow) -> Int {
        max(11, row.width / 24)
    }

    private static func captionHeight(_ row: GridRow) -> Int {
        em(row) * 5
    }

    private static func captioned(_ row: GridRow, _ images: ImageReader) throws -> [UInt8] {
        guard case .success(let image) = images.read(SheetContent.Tile(row)) else {
            throw CoordinatorError.drawing(problem: "the image of position \(row.position) is missing or damaged")
        }
        let em = Double(em(row))
        let canvas = try Canvas(
            width: row.width, height: row.height + captionHeight(row), background: SheetPalette.paper)
        let (width, height) = (Double(row.width), Double(row.height))
        try canvas.draw(image, in: Rectangle(x: 0, y: 0, width: width, height: height))
        canvas.draw(
            row.prompt, TextStyle(size: em, color: SheetPalette.ink, isCentered: true, maximumLines: 2), x: em / 2,
            y: height + em * 0.4, width: width - em)
        canvas.draw(
            "\(row.style) · guidance \(row.guidance)",
            TextStyle(size: em * 0.9, color: SheetPalette.muted, isCentered: true),
            x: em / 2, y: height + em * 3.4, width: width - em)
        return try canvas.png()
    }
}
