/** Components that are loaded when they are first shown. */
import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { wordsFor } from "../node/words";
import { Button } from "./button";

/** A component from a module of its own. While it loads nothing is drawn: that takes some milliseconds, and a flash of a spinner is no calm. */
export function lazy<Props extends object>(load: () => Promise<ComponentType<Props>>): ComponentType<Props> {
  const loaded = signal<ComponentType<Props> | undefined>(undefined);
  const failed = signal<unknown>(undefined);
  let loading = false;
  const start = (): void => {
    if (loading) return;
    loading = true;
    failed.value = undefined;
    load().then(
      (component) => (loaded.value = component),
      (error: unknown) => {
        loading = false;
        failed.value = error;
      },
    );
  };
  return function Lazy(props: Props) {
    const Component = loaded.value;
    if (Component) return <Component {...props} />;
    if (failed.value !== undefined) {
      return (
        <div class="page-error" role="alert">
          <p>This part of the app could not be loaded: {wordsFor(failed.value).text}</p>
          <Button onClick={start}>Try again</Button>
        </div>
      );
    }
    start();
    return <div class="loading" aria-busy="true" />;
  };
}

