"""Small versions published for the tests of the store."""

from pipelines.core.store import Manifest, Ref, describe_files, digest_of, work_digest

REF = Ref("p", "data", "ds=2026-01-01")


def publish(store, *, ref=REF, config=None, text="hello", inputs=None, outcome=None, code=None):
    inputs = inputs or {"source": "abc"}
    code = code or {"code": "1"}
    digest = work_digest(inputs, config or {}, code)
    with store.lock(ref), store.staging(ref, digest) as out:
        (out / "deep").mkdir()
        (out / "deep" / "a.txt").write_text(text)
        files = describe_files(out, ())
        manifest = Manifest(
            pipeline=ref.pipeline,
            dataset=ref.dataset,
            key=ref.key,
            stage="toy",
            digest=digest,
            inputs=inputs,
            config=config or {},
            code=code,
            content=digest_of([files, config or {}]),
            files=files,
            outcome=outcome or {},
        )
        return store.publish(out, manifest)
