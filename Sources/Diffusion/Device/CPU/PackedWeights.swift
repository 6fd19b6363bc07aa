import CKernels

/// A layer's weights in the layouts that its kernels ask for.
///
/// They are read from the model's file when a kernel first asks, so that a layer that never runs takes no memory, and stay
/// packed as far as the device's ``WeightMemory`` allows; others are read again at each use. The numbers are the same.
/// For another batch or picture size a kernel nearly always asks for the layout that is there already.
final class PackedWeights {
    private struct Form {
        let layout: WeightLayout
        let address: UnsafeMutablePointer<Float>
        let bytes: Int
    }

    private let library: OneDNNLibrary
    private let memory: WeightMemory
    private let tensor: WeightTensor
    private var forms: [Form] = []

    init(device: CPUDevice, tensor: WeightTensor) {
        library = device.library
        memory = device.weightMemory
        self.tensor = tensor
    }

    deinit { release() }

    /// Gives back what is kept.
    func release() {
        for form in forms { memory.takeBack(form.address, bytes: form.bytes, of: self) }
        forms = []
    }

    /// Lends the weights in a layout.
    func withAddress<Result>(
        in layout: WeightLayout, _ body: (UnsafeMutablePointer<Float>) throws -> Result
    ) throws -> Result {
        if let form = forms.first(where: { $0.layout == layout }) { return try body(form.address) }
        let bytes = layout.bytes(of: tensor)
        guard let address = memory.keep(bytes: bytes, for: self) else {
            let scratch = try memory.packedScratch(bytes: bytes)
            try pack(as: layout, into: scratch)
            return try body(scratch)
        }
        forms.append(Form(layout: layout, address: address, bytes: bytes))
        do {
            try pack(as: layout, into: address)
        } catch {
            release()
            throw error
        }
        return try body(address)
    }

    /// Reads the weights and brings them into a layout.
    private func pack(as layout: WeightLayout, into target: UnsafeMutablePointer<Float>) throws {
        switch layout {
        case .asRead:
            try tensor.write(to: UnsafeMutableBufferPointer(start: target, count: tensor.count))
        case .panels(let inputs, let outputs):
            tmdne_pack_panels(try source(), target, inputs, outputs)
        case .bfloatPanels(let inputs, let outputs, let taps):
            let source = try source()
            Self.withBfloats(target, count: layout.bytes(of: tensor) / 2) {
                tmdne_pack_bfloat_panels(source, $0, inputs, outputs, taps)
            }
        case .bfloatTiles(let tile, let inputs, let outputs):
            let source = try source()
            Self.withBfloats(target, count: layout.bytes(of: tensor) / 2) {
                tmdne_winograd_bfloat_weights(tile, source, $0, outputs, inputs)
            }
        case .oneDNN(let read, let wanted):
            if read == wanted { return try pack(as: .asRead, into: target) }
            try library.reorder(from: read, at: try source(), to: wanted, at: target)
        }
    }

    private static func withBfloats(
        _ target: UnsafeMutablePointer<Float>, count: Int, _ body: (UnsafeMutablePointer<UInt16>) -> Void
    ) {
        UnsafeMutableRawPointer(target).withMemoryRebound(to: UInt16.self, capacity: count, body)
    }

    /// The weights as the model has them, until the next are read.
    private func source() throws -> UnsafeMutablePointer<Float> {
        let source = try memory.sourceScratch(bytes: tensor.count * MemoryLayout<Float>.stride)
        try tensor.write(to: UnsafeMutableBufferPointer(start: source, count: tensor.count))
        return source
    }
}

/// How a kernel wants weights to lie in memory.
enum WeightLayout: Equatable {
    /// As the tensor reads.
    case asRead
    /// In panels of 16 outputs, for `tmdne_multiply`.
    case panels(inputs: Int, outputs: Int)
    /// The same in bfloat16, for `tmdne_multiply_bfloats`, or with a tap for each pixel of a kernel `tmdne_convolve_bfloats`.
    case bfloatPanels(inputs: Int, outputs: Int, taps: Int = 1)
    /// Those of a 3x3 convolution transformed for tiles, panels of bfloat16 for each point of one.
    case bfloatTiles(tile: Int, inputs: Int, outputs: Int)
    /// As oneDNN chooses, from the layout that the tensor reads in.
    case oneDNN(OneDNNLayout, OneDNNLayout)

    func bytes(of tensor: WeightTensor) -> Int {
        switch self {
        case .asRead: tensor.count * MemoryLayout<Float>.stride
        case .panels(let inputs, let outputs): tmdne_panel_floats(inputs, outputs) * MemoryLayout<Float>.stride
        case .bfloatPanels(let inputs, let outputs, let taps): 2 * taps * tmdne_bfloat_panel_numbers(inputs, outputs)
        case .bfloatTiles(let tile, let inputs, let outputs):
            2 * tmdne_winograd_points(tile) * tmdne_bfloat_panel_numbers(inputs, outputs)
        case .oneDNN(_, let wanted): wanted.bytes
        }
    }
}
