import Foundation
package import SharedModel

/// Renders nothing: a picture that the cell's key determines, after a set delay.
///
/// It shows what everything but the inference costs, and makes hundreds of faults a minute affordable.
package final class NullEngine: Engine {
    package let device = "null"
    package let precision = "none"
    /// What it says that it could render.
    package let ability: Ability?
    private let delay: Duration

    /// - Parameters:
    ///   - delay: How long an image takes, spread evenly over the cell's steps.
    ///   - memory: Bytes of memory that it says it may take.
    package init(delay: Duration = .zero, memory: Int? = nil) {
        self.delay = delay
        ability = memory.map { Ability(memory: $0) }
    }

    package func prepare(model: String, for cell: GrantedCell) {}

    package func render(
        _ cells: [GrantedCell], progress: (EngineProgress) -> Bool, emit: (RenderedCell) throws -> Void
    ) throws {
        for (group, granted) in cells.enumerated() {
            let cell = granted.cell
            let clock = ContinuousClock()
            let start = clock.now
            for step in 0...cell.steps {
                // Absolute instants, so that a long sleep is made up for by the next.
                let rest = clock.now.duration(to: start + delay * step / cell.steps)
                if rest > .zero { Thread.sleep(forTimeInterval: rest / .seconds(1)) }
                let report = EngineProgress(
                    cell: granted.key, group: group, isLastGroup: group == cells.count - 1, step: step,
                    steps: cell.steps)
                guard progress(report) else { return }
            }
            let pixels = Self.picture(of: granted.key, width: cell.width, height: cell.height)
            try emit(
                RenderedCell(
                    cell: granted.key, width: cell.width, height: cell.height, pixels: pixels, encode: 0,
                    denoise: start.duration(to: clock.now) / .seconds(1), decode: 0))
        }
    }

    /// The picture of a cell: squares of 8 pixels in colors that the key's bytes decide.
    ///
    /// - Returns: 8-bit RGB, `[height, width, 3]`.
    package static func picture(of key: CellKey, width: Int, height: Int) -> [UInt8] {
        let digits = Array(key.hex.utf8)
        var pixels: [UInt8] = []
        pixels.reserveCapacity(width * height * 3)
        for y in 0..<height {
            for x in 0..<width {
                let square = y / 8 * 13 + x / 8 * 3
                for channel in 0..<3 {
                    let first = digits[(square + channel) % digits.count]
                    let second = digits[(square * 7 + channel * 5 + 1) % digits.count]
                    pixels.append(first &* 5 ^ second &* 29)
                }
            }
        }
        return pixels
    }
}
