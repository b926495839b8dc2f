/** How far something is. `total` 0: not known yet. */
export function Meter({ testId, label, done, total }: { testId: string; label: string; done: number; total: number }) {
  const known = total > 0;
  const fill = (element: HTMLElement | null): void => {
    if (element) element.style.inlineSize = known ? `${(done / total) * 100}%` : "";
  };
  return (
    <div class="meter">
      <span class="meter-label" id={`${testId}-label`}>
        {label}
      </span>
      <div
        class="meter-track"
        role="progressbar"
        aria-labelledby={`${testId}-label`}
        aria-valuemin={0}
        aria-valuemax={known ? total : undefined}
        aria-valuenow={known ? done : undefined}
        data-testid={testId}
        data-done={done}
        data-total={total}
        data-unknown={!known}
      >
        <div class="meter-fill" ref={fill} />
      </div>
    </div>
  );
}
