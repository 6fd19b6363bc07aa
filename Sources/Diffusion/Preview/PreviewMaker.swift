/// Makes small pictures of unfinished images, now and then.
///
/// It computes on the pipeline's device, but nothing that the pipeline computes with: images are the same with and without it.
/// Belongs to the device's thread.
package final class PreviewMaker {
    let model: PreviewModel
    private let device: any Device
    private let decoder: any PictureDecoder
    private var pace: PreviewPace
    /// Whether the device could not do it once.
    private var isBroken = false

    /// - Parameters:
    ///   - model: What decodes.
    ///   - device: The one that renders.
    ///   - pace: How often.
    /// - Throws: ``DiffusionError`` when memory runs out, or the file has changed since it was opened.
    package init(_ model: PreviewModel, device: any Device, pace: PreviewPace = PreviewPace()) throws {
        self.model = model
        self.device = device
        self.pace = pace
        decoder = try model.config.decoder(LayerSource(device: device, weights: model.weights))
    }

    /// Rendering begins.
    func begin() {
        pace.begin(at: .now)
    }

    /// Whether it is time for a preview.
    func isDue() -> Bool {
        pace.isDue(at: .now) && !isBroken
    }

    /// Decodes the latents that a sampler takes for the image's.
    ///
    /// - Returns: `nil` when they show nothing, or when the device fails, which then is not asked again: the image may still be
    ///   made.
    func picture(_ latents: [Float], shape: LatentShape) -> PreviewPicture? {
        let (start, scale) = (SuspendingClock.now, model.config.upscaling)
        defer { pace.made(from: start, to: .now) }
        do {
            let values = try PreviewModel.decode(
                shape.channelsLast(latents), shape: [1, shape.height, shape.width, shape.channels], with: decoder,
                on: device)
            return PreviewPicture(values, width: shape.width * scale, height: shape.height * scale)
        } catch {
            isBroken = true
            device.trim()
            return nil
        }
    }
}

extension PreviewModel {
    /// Decodes latents between two evaluations of the UNet.
    ///
    /// - Parameters:
    ///   - latents: `[1, height, width, channel]`.
    ///   - shape: Theirs.
    ///   - decoder: Of this file.
    ///   - device: What computes.
    /// - Returns: `[height, width, 3]`, about -1 to 1.
    /// - Throws: ``DiffusionError`` when memory runs out or the device fails.
    static func decode(
        _ latents: [Float], shape: [Int], with decoder: any PictureDecoder, on device: any Device
    ) throws -> [Float] {
        device.changeNetwork()
        defer { device.changeNetwork() }
        return try device.download(try decoder(latents, shape: shape, on: device))
    }
}
