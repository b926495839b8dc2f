import type { ComponentChildren } from "preact";

/** A page of text and controls. It can take the focus, so that the keyboard can scroll it also when nothing in it does. */
export function Page({ title, lead, back, children }: { title: string; lead: string; back?: ComponentChildren; children: ComponentChildren }) {
  return (
    <section class="page" tabIndex={0} aria-labelledby="page-title">
      {back}
      <h1 id="page-title">{title}</h1>
      <p class="lead">{lead}</p>
      {children}
    </section>
  );
}
