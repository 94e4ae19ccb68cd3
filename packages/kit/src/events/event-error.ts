/** Codes: `event_contract` (never valid, whoever sends it), `event_foreign_region`, `event_unknown_publisher`, `event_personal_data`, `event_too_large`. */
export class EventError extends Error {
  override name = 'EventError';
  code: string;
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
