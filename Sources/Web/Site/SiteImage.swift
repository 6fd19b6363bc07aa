import Coordinator
import SharedModel

/// An image that the site shows.
struct SiteImage: Encodable {
    /// Digits of the cell's key that name the image: enough that two of a billion images hardly ever share them, and
    /// stable however often the site is made.
    private static let digits = 16

    let id: String
    let sha256: String
    let width: Int
    let height: Int
    let alt: String
    let recipe: String
    /// Where it stands in the grid: for each position the index of its value on every axis that varies.
    private(set) var places: [[Int32]]

    var picture: String { "images/\(id).webp" }
    var thumbnail: String { "thumbs/\(id).webp" }

    private enum CodingKeys: String, CodingKey {
        case id, width, height, alt, recipe, places
    }

    /// Everything that is kept, in grid order, each image once.
    static func kept(_ reader: SweepReader, axes: [GridIndex.Axis]) throws -> [SiteImage] {
        var images: [SiteImage] = []
        var indices: [CellKey: Int] = [:]
        try reader.forEachRow { row in
            guard row.verdict == "keep", let sha256 = row.sha256 else { return }
            let place = axes.map { $0.indices.indices.contains(row.position) ? $0.indices[row.position] : 0 }
            if let index = indices[row.cell] {
                images[index].places.append(place)
            } else {
                indices[row.cell] = images.count
                images.append(SiteImage(row, sha256: sha256, place: place))
            }
        }
        return images
    }

    private init(_ row: GridRow, sha256: String, place: [Int32]) {
        id = String(row.cell.hex.prefix(Self.digits))
        self.sha256 = sha256
        width = row.width
        height = row.height
        alt = row.style == "none" || row.style.isEmpty ? row.prompt : "\(row.prompt), in the style \(row.style)"
        recipe = [
            row.prompt, "style \(row.style)", "guidance \(row.guidance)", "seed \(row.seed)",
            "\(row.sampler.rawValue), \(row.steps) steps", "\(row.width) × \(row.height)",
        ].joined(separator: " · ")
        places = [place]
    }
}
