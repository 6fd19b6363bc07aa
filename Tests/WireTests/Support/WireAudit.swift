import Crypto
import Foundation
import PNG
import SharedModel
import Testing

@testable import Coordinator
@testable import Worker

/// What must hold of everything in a test's folder when its sweep is whole, whatever happened on the way.
struct WireAudit {
    /// What nothing that is finished is called: files on their way to another name, and images that nobody acknowledged.
    private static let unfinished = [".new", ".tmp", ".part", ".image"]

    private let directory: SweepDirectory
    private let rows: [GridRow]
    /// Paths of all files, from the test's folder.
    private let files: [String]
    /// What the workers were told that the coordinator has.
    private let acknowledged: Set<String>

    init(_ folder: String) throws {
        directory = WireFixture.directory(folder)
        rows = try SweepReader(directory).rows()
        files = try FileManager.default.subpathsOfDirectory(atPath: folder)
        acknowledged = try files.filter { $0.hasSuffix(WatchedWorker.log) }.reduce(into: []) { all, log in
            let lines = try String(contentsOfFile: "\(folder)/\(log)", encoding: .utf8).split(separator: "\n")
            all.formUnion(lines.map(String.init))
        }
    }

    /// Checks that each of `cells` cells has the one image that the null engine makes of it, that disk, database and
    /// acknowledgements tell the same, and that nothing unfinished is left.
    func expectWhole(cells: Int) throws {
        #expect(rows.count == cells && rows.allSatisfy { $0.state == "done" })
        #expect(Set(rows.map(\.cell)).count == cells)
        let paths = try rows.map(expectImage)
        let images = files.filter { $0.hasPrefix("sweep/images/") && $0.hasSuffix(".png") }
        #expect(images.sorted() == paths.map { "sweep/\($0)" }.sorted())
        #expect(try SweepReader(directory).problems() == [])
        #expect(!acknowledged.isEmpty && acknowledged.isSubset(of: rows.map(\.cell.hex)))
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.incoming.path) == [])
        #expect(files.filter { file in Self.unfinished.contains { file.hasSuffix($0) } } == [])
    }

    /// Checks that a cell's image lies under the hash of its bytes, and that every byte is what the cell demands.
    ///
    /// - Returns: Its path in the directory.
    private func expectImage(of row: GridRow) throws -> String {
        let path = try #require(row.image)
        let bytes = Array(try Data(contentsOf: directory.url.appending(path: path)))
        let digest = SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
        #expect(digest == row.sha256 && path == SweepDirectory.imagePath(sha256: digest))
        let (image, texts) = try PNGImage.decode(bytes, maximumPixels: 1 << 20)
        let pixels = NullEngine.picture(of: row.cell, width: row.width, height: row.height)
        let expected = try PNGImage(width: row.width, height: row.height, pixels: pixels)
        // Compared before they are handed over: a failure would print every pixel.
        let isPicture = image == expected
        #expect(isPicture, "\(path) shows another picture than that of cell \(row.cell)")
        let metadata = try ImageMetadata(json: #require(texts.first { $0.keyword == ImageMetadata.keyword }).text)
        expect(metadata, of: row)
        // The rest of the file follows from its picture and its metadata.
        let isFile = try bytes == expected.encode(texts: metadata.pngTexts)
        #expect(isFile, "\(path) has other bytes than those that cell \(row.cell) demands")
        return path
    }

    private func expect(_ metadata: ImageMetadata, of row: GridRow) {
        #expect(metadata.key == row.cell && metadata.position == row.position && metadata.sweep == "sweep")
        #expect(metadata.device == "null" && metadata.precision == "none" && metadata.program == Program.signature)
        let axes = metadata.axes
        #expect(axes.guidance == row.guidance && axes.seed == row.seed && axes.steps == row.steps)
        #expect(axes.prompt == row.prompt && axes.negativePrompt == row.negativePrompt && axes.style == row.style)
        #expect(axes.model == row.model && axes.sampler == row.sampler && axes.size == "\(row.width)x\(row.height)")
    }
}
