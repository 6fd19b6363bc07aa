package import Coordinator
package import Foundation
import Mustache
import PNG
import SharedModel

/// Makes "This Mathematician Does Not Exist": a static site of the images that passed the audit.
///
/// It works from a folder as from any web server: links are relative, scripts are classic ones, and nothing is loaded
/// from elsewhere.
package struct SiteBuilder {
    /// What may differ between sites.
    package struct Options: Sendable {
        package var title: String

        package init(title: String = "This Mathematician Does Not Exist") {
            self.title = title
        }
    }

    /// WebP quality of the images: a 512 x 512 photograph takes some 40 kB and shows no blocks.
    private static let quality: Float = 86
    /// Pixels of a thumbnail's longer side.
    private static let thumbnailSide = 256

    private let pictures: Pictures
    private let images: [SiteImage]
    private let axes: [GridIndex.Axis]
    private let pages: SitePages

    /// Reads the sweep. Blocks.
    ///
    /// - Throws: ``WebError/nothingToShow(_:)`` when no image is kept, ``CoordinatorError`` when the sweep can't be read.
    package init(_ directory: SweepDirectory, options: Options = Options()) throws {
        let reader = try SweepReader(directory)
        let grid = try GridIndex(reader)
        axes = grid.axes.filter { $0.values.count > 1 }
        images = try SiteImage.kept(reader, axes: axes)
        guard let first = images.first else {
            throw WebError.nothingToShow(
                "No image is kept yet; judge some with `tmdne web \(directory.url.relativePath)` first.")
        }
        pictures = Pictures(directory: directory)
        pages = try SitePages(
            title: options.title, sweep: try reader.sweep().name, first: first, images: images, grid: grid,
            opinions: try reader.opinions())
    }

    /// How many images the site shows.
    package var imageCount: Int { images.count }

    /// Writes the site; `progress` is called after each image with how many are written.
    ///
    /// - Parameters:
    ///   - folder: Made when it is missing; one that holds something else than an earlier site is refused.
    ///   - progress: For people who wait.
    /// - Throws: ``WebError/file(path:problem:)`` when a file can't be written, ``WebError/unreadableImage(_:)`` when an
    ///   image is damaged.
    package func write(to folder: URL, progress: (Int) -> Void) throws {
        try claim(folder)
        for (name, bytes) in Assets.siteFiles { try put(Data(bytes), folder.appending(path: name)) }
        for (name, html) in try pages.files() { try put(Data(html.utf8), folder.appending(path: name)) }
        for (index, image) in images.enumerated() {
            let pixels = try pictures.image(sha256: image.sha256)
            let small = try pixels.scaled(toFit: Self.thumbnailSide)
            try put(Data(try WebP.encode(pixels, quality: Self.quality)), folder.appending(path: image.picture))
            try put(Data(try WebP.encode(small, quality: Self.quality)), folder.appending(path: image.thumbnail))
            progress(index + 1)
        }
        // Last, so that a site that was cut off is made again and not taken for another folder's content.
        try put(try data(), folder.appending(path: "data.js"))
    }

    /// What the scripts know: a script itself, because a page of file:// may not read other files.
    private func data() throws -> Data {
        struct Axis: Encodable {
            let name: GridAxis
            let values: [String]
        }
        struct Content: Encodable {
            let axes: [Axis]
            let images: [SiteImage]
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let content = Content(axes: axes.map { Axis(name: $0.axis, values: $0.values) }, images: images)
        return Data("window.tmdne = ".utf8) + (try encoder.encode(content)) + Data(";\n".utf8)
    }

    private func claim(_ folder: URL) throws(WebError) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        guard names.isEmpty || names.contains("site.js") else {
            throw .file(path: folder.path, problem: "it holds other files; name an empty folder or an earlier site")
        }
        for name in ["images", "thumbs"] {
            let path = folder.appending(path: name)
            // What is no longer kept must not stay on show.
            try? FileManager.default.removeItem(at: path)
            do {
                try FileManager.default.createDirectory(at: path, withIntermediateDirectories: true)
            } catch {
                throw .file(path: path.path, problem: error.localizedDescription)
            }
        }
    }

    private func put(_ data: Data, _ file: URL) throws(WebError) {
        do {
            try data.write(to: file)
        } catch {
            throw .file(path: file.path, problem: error.localizedDescription)
        }
    }
}
