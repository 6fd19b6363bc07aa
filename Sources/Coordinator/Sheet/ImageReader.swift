import Foundation
import PNG
import SharedModel

/// Why a tile has no image, in a word for people.
struct ImageAbsence: Error, Equatable {
    let word: String
    /// Whether somebody should look into it.
    let isFault: Bool
}

/// Reads the images that tiles name.
struct ImageReader {
    private let directory: SweepDirectory

    init(_ directory: SweepDirectory) {
        self.directory = directory
    }

    /// The image of a tile, which must have the size that its position has.
    ///
    /// A file that is gone or damaged leaves a hole in the sheet, not no sheet: the other images are sound.
    func read(_ tile: SheetContent.Tile) -> Result<PNGImage, ImageAbsence> {
        guard let sha256 = tile.sha256 else {
            return .failure(ImageAbsence(word: tile.state, isFault: tile.state == "failed"))
        }
        let (area, isTooLarge) = tile.width.multipliedReportingOverflow(by: tile.height)
        let path = directory.url.appending(path: SweepDirectory.imagePath(sha256: sha256)).path
        guard Hexadecimal.isLowercase(sha256, digits: 64), !isTooLarge,
            FileManager.default.fileExists(atPath: path)
        else { return .failure(ImageAbsence(word: "missing", isFault: true)) }
        guard let bytes = try? Data(contentsOf: URL(filePath: path)),
            let image = try? PNGImage.decode(Array(bytes), maximumPixels: area).image,
            image.width == tile.width, image.height == tile.height
        else { return .failure(ImageAbsence(word: "damaged", isFault: true)) }
        return .success(image)
    }
}
