import Synchronization

/// The tensors of one part of a model, looked up by name, whatever files they are in.
///
/// A network asks for the tensors that its config leads it to expect, in a scope of its own:
///
///     let weights = try WeightSource(part: "…/unet").scoped("conv_in")
///     let kernel = try weights.floats("weight", shape: [320, 4, 3, 3])
///
/// What was asked for is remembered, so that ``requireAllRead(except:)`` can tell when the files hold more than the config
/// says: a sign that both do not belong together.
package struct WeightSource: Sendable {
    private let storage: Storage
    private let prefix: String
    /// What is added to tensors, by their full names.
    private let additions: [String: [LoRADelta]]

    /// Opens the weight files of a part's folder, such as `unet`, in diffusers' layout.
    ///
    /// - Throws: ``DiffusionError`` when there are none or one is damaged.
    package init(part folder: String) throws(DiffusionError) {
        try self.init(files: WeightFiles.paths(in: folder), path: folder)
    }

    /// Opens the weights in `files`, which together hold each tensor once; `path` names them in messages.
    package init(files paths: [String], path: String) throws(DiffusionError) {
        var views: [String: TensorView] = [:]
        for path in paths {
            for (name, view) in try SafetensorsFile(path: path).views {
                guard views.updateValue(view, forKey: name) == nil else {
                    throw .invalidWeights(path: path, problem: "another file of its part holds \"\(name)\", too")
                }
            }
        }
        self.init(views: views, path: path)
    }

    /// The tensors of `views` by the names that networks ask for; `path` names them in messages.
    init(views: [String: TensorView], path: String) {
        self.init(storage: Storage(views: views, path: path), prefix: "")
    }

    private init(storage: Storage, prefix: String, additions: [String: [LoRADelta]] = [:]) {
        self.storage = storage
        self.prefix = prefix
        self.additions = additions
    }

    /// The same tensors, with names relative to `scope`: `scoped("a").floats("b", …)` reads `a.b`.
    package func scoped(_ scope: String) -> WeightSource {
        WeightSource(storage: storage, prefix: "\(prefix)\(scope).", additions: additions)
    }

    /// As ``scoped(_:)`` when there are tensors in `scope`, else the same source.
    ///
    /// Text encoders come with and without a leading `text_model.`, depending on the version that saved them.
    package func scoped(ifPresent scope: String) -> WeightSource {
        let scoped = scoped(scope)
        return storage.views.keys.contains { $0.hasPrefix(scoped.prefix) } ? scoped : self
    }

    /// The same tensors, to which `deltas`, by names in this scope, are added whenever one is read.
    func adding(_ deltas: [String: [LoRADelta]]) -> WeightSource {
        let named = deltas.map { (prefix + $0.key, $0.value) }
        return WeightSource(
            storage: storage, prefix: prefix, additions: additions.merging(named) { old, new in old + new })
    }

    /// The names of all tensors of this scope, sorted.
    var names: [String] {
        storage.views.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }.sorted()
    }

    /// Where the weights are, for messages.
    var path: String { storage.path }

    /// Whether there is a tensor of that name in this scope.
    package func contains(_ name: String) -> Bool {
        storage.location(of: prefix + name) != nil
    }

    /// The shape of the tensor of that name in this scope, or nil when there is none.
    package func shape(of name: String) -> [Int]? {
        view(of: name)?.shape
    }

    /// Where the tensor of that name in this scope lies, or nil when there is none.
    func view(of name: String) -> TensorView? {
        storage.location(of: prefix + name)?.view
    }

    /// The numbers of a tensor of this scope in row-major order.
    ///
    /// - Throws: ``DiffusionError`` when the tensor is missing, or has another shape or a type that is not floating-point.
    package func floats(_ name: String, shape: [Int]) throws(DiffusionError) -> [Float] {
        try tensor(name, shape: shape).floats()
    }

    /// A tensor of this scope, to be read later; it counts as read at once.
    ///
    /// - Throws: ``DiffusionError`` when the tensor is missing, or has another shape or a type that is not floating-point.
    package func tensor(_ name: String, shape: [Int]) throws(DiffusionError) -> WeightTensor {
        guard let (key, view) = storage.location(of: prefix + name) else {
            throw .missingTensor(name: prefix + name, path: storage.path)
        }
        guard view.shape == shape else {
            throw .wrongShape(name: view.name, path: view.file.path, expected: shape, found: view.shape)
        }
        try view.requireFloats()
        storage.read.withLock { read in _ = read.insert(key) }
        guard let deltas = additions[key] else {
            return WeightTensor(shape: shape) { elements, target throws(DiffusionError) in
                try view.write(elements, to: target)
            }
        }
        return WeightTensor(shape: shape) { elements, target throws(DiffusionError) in
            guard elements.count < view.count else {
                try view.write(elements, to: target)
                for delta in deltas { try delta.add(to: target, outputs: shape[0]) }
                return
            }
            var whole = try view.floats()
            try whole.withUnsafeMutableBufferPointer { whole throws(DiffusionError) in
                for delta in deltas { try delta.add(to: whole, outputs: shape[0]) }
            }
            _ = target.update(fromContentsOf: whole[elements])
        }
    }

    /// The names of all tensors of this scope that nobody has read, as the files spell them, sorted.
    package var unreadNames: [String] {
        let read = storage.read.withLock { $0 }
        return Set(unread(read).map(\.value.name)).sorted()
    }

    /// Makes sure that every tensor of this scope was read, except those that begin with one of `ignored`.
    ///
    /// - Throws: ``DiffusionError/unusedTensors(names:path:)``.
    package func requireAllRead(except ignored: [String] = []) throws(DiffusionError) {
        let read = storage.read.withLock { $0 }
        let left = unread(read).filter { tensor in !ignored.contains { tensor.key.hasPrefix(prefix + $0) } }
        guard left.isEmpty else {
            throw .unusedTensors(names: Set(left.map(\.value.name)).sorted(), path: storage.path)
        }
    }

    private func unread(_ read: Set<String>) -> [String: TensorView] {
        storage.views.filter { $0.key.hasPrefix(prefix) && !read.contains($0.key) }
    }
}

extension WeightSource {
    /// The tensors of the open files, shared by all scopes.
    private final class Storage: Sendable {
        let views: [String: TensorView]
        let path: String
        let read = Mutex<Set<String>>([])

        init(views: [String: TensorView], path: String) {
            self.views = views
            self.path = path
        }

        /// A tensor under its own name or the one that old files give it.
        func location(of name: String) -> (key: String, view: TensorView)? {
            for key in [name, Self.formerName(of: name)] {
                if let view = views[key] { return (key, view) }
            }
            return nil
        }

        /// Before version 0.17 diffusers named the parts of the autoencoder's attention differently, and the weights of
        /// Stable Diffusion 1.5 were saved so.
        private static func formerName(of name: String) -> String {
            let renamed = [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")]
            for (current, former) in renamed {
                for parameter in ["weight", "bias"] where name.hasSuffix(".\(current).\(parameter)") {
                    return name.dropLast("\(current).\(parameter)".count) + "\(former).\(parameter)"
                }
            }
            return name
        }
    }
}

extension WeightSource {
    /// What this scope holds, from the files' headers alone.
    package var inventory: (parameters: Int, bytes: Int, types: [String]) {
        let views = storage.views.filter { $0.key.hasPrefix(prefix) }.values
        let types = Set(views.map(\.type))
        return (
            views.reduce(0) { $0 + $1.count }, views.reduce(0) { $0 + $1.count * $1.type.width },
            types.map(\.rawValue).sorted()
        )
    }
}
