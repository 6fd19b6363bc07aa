import Coordinator
import Foundation
import PNG
import SharedModel

/// The images of a sweep as files, and their thumbnails, which are made once and kept in `thumbs/`.
///
/// A thumbnail is a cache: it may be deleted at any time. Every method blocks; keep it off the cooperative pool.
struct Pictures: Sendable {
    /// Pixels of a thumbnail's longer side: a tile of the grid on a display of two pixels a point.
    static let thumbnailSide = 256
    /// Where WebP shows no blocks at that size; 128 pixels then take some 3 kB.
    private static let thumbnailQuality: Float = 82
    /// Largest image that is decoded: 64 million pixels take 192 MB for a moment.
    private static let mostPixels = 64 << 20

    let directory: SweepDirectory

    /// The image's file, byte for byte.
    func png(sha256: String) throws(WebError) -> Data {
        let path = directory.url.appending(path: SweepDirectory.imagePath(sha256: sha256))
        guard Hexadecimal.isLowercase(sha256, digits: 64), let data = try? Data(contentsOf: path) else {
            throw .unreadableImage("its file is missing; `tmdne retry` renders it again")
        }
        return data
    }

    /// The image's pixels.
    func image(sha256: String) throws(WebError) -> PNGImage {
        do {
            return try PNGImage.decode(Array(png(sha256: sha256)), maximumPixels: Self.mostPixels).image
        } catch let error as WebError {
            throw error
        } catch {
            throw .unreadableImage("\(error)")
        }
    }

    /// The thumbnail as a WebP file, made now when it is missing.
    func thumbnail(sha256: String) throws(WebError) -> Data {
        if let data = try? Data(contentsOf: path(sha256)) { return data }
        return try keepThumbnail(of: image(sha256: sha256), sha256: sha256)
    }

    /// Whether the thumbnail is there already.
    func hasThumbnail(sha256: String) -> Bool {
        FileManager.default.fileExists(atPath: path(sha256).path)
    }

    /// Makes a thumbnail of an image that is decoded already.
    @discardableResult
    func keepThumbnail(of image: PNGImage, sha256: String) throws(WebError) -> Data {
        let small: PNGImage
        do {
            small = try image.scaled(toFit: Self.thumbnailSide)
        } catch {
            throw .unreadableImage(error.description)
        }
        let data = Data(try WebP.encode(small, quality: Self.thumbnailQuality))
        // A cache that can't be written is no reason to show nothing.
        let file = path(sha256)
        try? FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try? data.write(to: file, options: .atomic)
        return data
    }

    private func path(_ sha256: String) -> URL {
        directory.url.appending(path: "thumbs/\(sha256.prefix(2))/\(sha256).webp")
    }
}
