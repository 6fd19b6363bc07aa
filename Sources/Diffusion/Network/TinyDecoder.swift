import Glibc

/// The decoder of AutoencoderTiny, known as TAESD (<https://github.com/madebyollin/taesd>): convolutions and ReLUs, an
/// eighteenth of the work of AutoencoderKL's for pictures that lack its fine detail.
struct TinyDecoder: PictureDecoder {
    private let config: VAEConfig
    private let convolutionIn: Convolution
    private let levels: [Level]

    init(config: VAEConfig, blockCounts: [Int], source: LayerSource) throws {
        self.config = config
        let width = config.blockOutChannels[0]
        // The layers stand in one list, in which activations and upsamplings have places, too.
        let layers = source["decoder.layers"]
        convolutionIn = try layers.convolution("0", inputs: config.latentChannels, outputs: width)
        var place = 2
        var levels: [Level] = []
        for (index, count) in blockCounts.enumerated() {
            let isLast = index == blockCounts.count - 1
            let blocks = try (place..<place + count).map { try Block(layers["\($0).conv"], channels: width) }
            place += isLast ? count : count + 1
            let convolution = try layers.convolution(
                "\(place)", inputs: width, outputs: isLast ? config.outChannels : width, hasBias: isLast)
            levels.append(Level(blocks: blocks, convolution: convolution, isLast: isLast))
            place += 1
        }
        self.levels = levels
        try source.requireAllRead(except: ["encoder."])
    }

    func callAsFunction(_ latents: [Float], shape: [Int], on device: any Device) throws -> Tensor {
        // Latents beyond three standard deviations are drawn in, as the network never saw such.
        let clamped = latents.map { tanh(($0 / config.scalingFactor + config.shiftFactor) / 3) * 3 }
        var x = try device.activate(try convolutionIn(try device.upload(clamped, shape: shape)), .relu)
        for level in levels { x = try level(x, on: device) }
        // The network's pictures lie between 0 and 1.
        return try device.upload(device.download(x).map { $0 * 2 - 1 }, shape: x.shape)
    }
}

extension TinyDecoder {
    /// Residual blocks of one resolution, then a convolution at twice the size, or to the colours.
    private struct Level {
        let blocks: [Block]
        let convolution: Convolution
        let isLast: Bool

        func callAsFunction(_ x: Tensor, on device: any Device) throws -> Tensor {
            var x = x
            for block in blocks { x = try block(x, on: device) }
            return isLast ? try convolution(x) : try convolution(doubled: x)
        }
    }

    /// Three convolutions beside a shortcut.
    private struct Block {
        private let convolutions: [Convolution]

        init(_ source: LayerSource, channels: Int) throws {
            convolutions = try [0, 2, 4].map {
                try source.convolution("\($0)", inputs: channels, outputs: channels)
            }
        }

        func callAsFunction(_ x: Tensor, on device: any Device) throws -> Tensor {
            var hidden = x
            for convolution in convolutions.dropLast() {
                hidden = try device.activate(try convolution(hidden), .relu)
            }
            return try device.activate(try convolutions[2](hidden, adding: .givenUp(x)), .relu)
        }
    }
}
