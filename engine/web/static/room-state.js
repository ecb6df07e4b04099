/**
 * The current state of a room: the welcome, folded with every message since.
 *
 * Shared by the participant's page, the console and the wall. Dispatches `change` after each message, with the
 * message as detail.
 * @module
 */

const FIELDS = [
  "title", "description", "instructor", "access", "scheduled_start", "started_at", "phase", "resting", "plan", "chat", "locked",
  "place", "listen_url", "visibility", "cancelled", "emergency", "page_url", "next_technique",
];
const OVER = new Set(["ending", "ended", "published"]);
const KEPT = 200;

export class RoomState extends EventTarget {
  constructor() {
    super();
    this.sessionId = "";
    this.title = "";
    this.instructor = "";
    this.phase = "scheduled";
    /** @type {string | null} */
    this.scheduled_start = null;
    /** @type {string | null} */
    this.started_at = null;
    this.resting = false;
    this.chat = true;
    this.locked = false;
    this.cancelled = false;
    /** @type {any[]} */
    this.plan = [];
    /** @type {string | null} */
    this.place = null;
    /** @type {string | null} */
    this.listen_url = null;
    /** @type {string | null} */
    this.description = null;
    /** @type {string | null} */
    this.emergency = null;
    /** @type {string | null} */
    this.page_url = null;
    /** @type {string | null} */
    this.visibility = null;
    this.count = 0;
    this.most = 0;
    /** @type {any} */
    this.technique = null;
    /** @type {any} */
    this.next_technique = null;
    /** @type {any} the group's figures */
    this.metrics = null;
    /** @type {any} one's own */
    this.own = null;
    /** @type {any} what `session_ending` said */
    this.ending = null;
    /** @type {{title: string, message: string, action_url?: string}[]} */
    this.announcements = [];
    /** @type {{kind: string, text: string, detail?: string}[]} milestones and achievements */
    this.moments = [];
    /** @type {{name: string, message: string, own: boolean, seq?: number, clientId?: string, byStaff?: boolean}[]} */
    this.chatLog = [];
    /** @type {Set<string>} names of the techniques that were practised so far; the welcome of staff lists them */
    this.practised = new Set();
    this.clientId = "";
    /** Whether it was live at any known time. */
    this.begun = false;
  }

  /** @param {any} message */
  apply(message) {
    const content = message.content ?? {};
    switch (message.type) {
      case "welcome":
        this._welcome(message);
        break;
      case "participant_joined":
      case "participant_left":
        this._counted(content.count);
        break;
      case "technique_changed":
        this._technique(content, message);
        break;
      case "session_update":
        this._update(message.update_type, content, message.timestamp);
        break;
      case "hrv_milestone":
        keep(this.moments, { kind: "milestone", text: String(content.improvement) });
        break;
      case "metrics_update":
        this.metrics = content;
        break;
      case "own_metrics":
        this.own = content;
        break;
      case "chat_message":
        // What the welcome of staff listed comes again in a recovery.
        if (!this.chatLog.some((line) => line.seq === message.seq)) keep(this.chatLog, this._line(content, message.seq));
        break;
      case "session_ending":
        this.phase = "ending";
        this.ending = content;
        // Of all who took part, the story and the mail speak too.
        this.most = content.participants ?? this.most;
        break;
      default:
        break;
    }
    this._tell(message);
  }

  _welcome(welcome) {
    this.sessionId = welcome.session_id;
    this.clientId = welcome.client_id;
    this._merge(welcome);
    this.technique = welcome.technique ?? null;
    this.next_technique = welcome.next_technique ?? null;
    this.metrics = welcome.metrics ?? this.metrics;
    // What was missed and does not come may have deleted some of it.
    if (!welcome.recovered) this.chatLog = [];
    if (welcome.chat_log) this.chatLog = welcome.chat_log.map((line) => this._line(line, line.seq));
    this.practised = new Set(welcome.practised ?? this.practised);
    if (welcome.announcement) keep(this.announcements, { ...welcome.announcement, technique: this.technique?.technique });
    this._counted(welcome.participant_count);
  }

  _line(content, seq) {
    const own = content.client_id === this.clientId;
    return { name: content.name ?? "", message: content.message, own, seq, clientId: content.client_id, byStaff: content.by_staff === true };
  }

  /** Take the room's details from the HTTP API, before the socket is open. @param {any} session */
  about(session) {
    this._merge(session);
    this._counted(session.participant_count);
    this._tell({ type: "about" });
  }

  /** @param {any} message */
  _tell(message) {
    this.begun ||= this.phase === "live" || Boolean(this.started_at);
    this.dispatchEvent(new CustomEvent("change", { detail: message }));
  }

  get isCancelled() {
    return this.cancelled || this.phase === "cancelled";
  }

  get isOver() {
    return this.isCancelled || OVER.has(this.phase);
  }

  _technique(content, message) {
    if (this.technique && Date.parse(content.started_at) > Date.parse(message.timestamp)) this.next_technique = content;
    else this._begin(content);
    this.resting = false;
    if (this.phase === "waiting" || this.phase === "scheduled") this.phase = "live";
  }

  _begin(technique) {
    this.technique = technique;
    this.next_technique = null;
  }

  /** Let the announced technique begin when its time has come. @param {number} now server milliseconds */
  advance(now) {
    const begins = Boolean(this.next_technique) && Date.parse(this.next_technique.started_at) <= now;
    if (begins) this._begin(this.next_technique);
    const name = this.technique && Date.parse(this.technique.started_at) <= now ? this.technique.technique : null;
    if (name && !this.practised.has(name)) this.practised.add(name);
    else if (!begins) return;
    this.dispatchEvent(new CustomEvent("change", { detail: { type: "technique_began" } }));
  }

  _update(kind, content, timestamp) {
    this._merge(content);
    if (kind === "session_started") {
      this.phase = "live";
      this.started_at ??= timestamp;
    }
    if (kind === "messages_deleted") {
      this.chatLog = this.chatLog.filter((line) => line.seq !== content.seq && (content.client_id === undefined || line.clientId !== content.client_id));
    }
    if (kind === "announcement") {
      keep(this.announcements, { ...content, technique: this.technique?.technique });
    } else if (kind === "achievement_unlocked") {
      keep(this.moments, { kind: "achievement", text: content.title, detail: content.description });
    }
  }

  _merge(content) {
    // The title of an announcement or an achievement is not the session's.
    const other = "message" in content || ("description" in content && !("scheduled_start" in content));
    for (const field of FIELDS) {
      if (other && (field === "title" || field === "description")) continue;
      if (content[field] !== undefined) /** @type {any} */ (this)[field] = content[field];
    }
    if (this.plan === null) this.plan = [];
  }

  /** @param {number | undefined} count */
  _counted(count) {
    if (typeof count !== "number") return;
    this.count = count;
    this.most = Math.max(this.most, count);
  }
}

/** @template T @param {T[]} list @param {T} item */
function keep(list, item) {
  list.push(item);
  if (list.length > KEPT) list.shift();
}
