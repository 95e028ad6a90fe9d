//! Names that sound right, in both languages. Nobody and nothing real is meant.

/// 中文 and English.
pub type Name = (&'static str, &'static str);

pub const RIVER: Name = ("清溪河", "Qingxi River");
pub const HILL_PARK: Name = ("凤凰山森林公园", "Fenghuang Hill Forest Park");
pub const TUNNEL: Name = ("凤凰山隧道", "Fenghuang Hill Tunnel");
pub const MAIN_AVENUE: Name = ("建设大道", "Jianshe Avenue");
pub const MAIN_ROAD: Name = ("人民路", "Renmin Road");
pub const RIVER_NORTH: Name = ("滨河北路", "Binhe North Road");
pub const RIVER_SOUTH: Name = ("滨河南路", "Binhe South Road");
pub const RING: [Name; 4] = [
    ("环城东路", "Huancheng East Road"),
    ("环城南路", "Huancheng South Road"),
    ("环城西路", "Huancheng West Road"),
    ("环城北路", "Huancheng North Road"),
];
/// Secondary roads.
pub const SECONDARY: [Name; 8] = [
    ("解放路", "Jiefang Road"),
    ("中山路", "Zhongshan Road"),
    ("迎宾路", "Yingbin Road"),
    ("长江路", "Changjiang Road"),
    ("黄河路", "Huanghe Road"),
    ("振兴路", "Zhenxing Road"),
    ("开发路", "Kaifa Road"),
    ("东湖路", "Donghu Road"),
];
/// Branch streets.
pub const STREETS: [Name; 44] = [
    ("文化街", "Wenhua Street"),
    ("和平街", "Heping Street"),
    ("光明街", "Guangming Street"),
    ("胜利街", "Shengli Street"),
    ("新华街", "Xinhua Street"),
    ("团结街", "Tuanjie Street"),
    ("幸福街", "Xingfu Street"),
    ("青年街", "Qingnian Street"),
    ("学府街", "Xuefu Street"),
    ("桃园街", "Taoyuan Street"),
    ("柳林街", "Liulin Street"),
    ("东风街", "Dongfeng Street"),
    ("朝阳街", "Chaoyang Street"),
    ("育才街", "Yucai Street"),
    ("健康街", "Jiankang Street"),
    ("友谊街", "Youyi Street"),
    ("民主街", "Minzhu Street"),
    ("前进街", "Qianjin Street"),
    ("迎春街", "Yingchun Street"),
    ("杏花街", "Xinghua Street"),
    ("梧桐街", "Wutong Street"),
    ("槐荫街", "Huaiyin Street"),
    ("竹园街", "Zhuyuan Street"),
    ("荷花街", "Hehua Street"),
    ("丹桂街", "Dangui Street"),
    ("石桥街", "Shiqiao Street"),
    ("古井街", "Gujing Street"),
    ("书院街", "Shuyuan Street"),
    ("盐市街", "Yanshi Street"),
    ("米市街", "Mishi Street"),
    ("永安街", "Yong'an Street"),
    ("太平街", "Taiping Street"),
    ("长乐街", "Changle Street"),
    ("兴隆街", "Xinglong Street"),
    ("仁和街", "Renhe Street"),
    ("广福街", "Guangfu Street"),
    ("松柏街", "Songbai Street"),
    ("银杏街", "Yinxing Street"),
    ("茶园街", "Chayuan Street"),
    ("牌楼街", "Pailou Street"),
    ("南园街", "Nanyuan Street"),
    ("北苑街", "Beiyuan Street"),
    ("花溪街", "Huaxi Street"),
    ("望月街", "Wangyue Street"),
];
pub const ESTATES: [Name; 24] = [
    ("锦绣花园", "Jinxiu Garden"),
    ("阳光家园", "Yangguang Homes"),
    ("翠竹苑", "Cuizhu Court"),
    ("桂花苑", "Guihua Court"),
    ("幸福里", "Xingfu Li"),
    ("康乐新村", "Kangle New Village"),
    ("和谐家园", "Hexie Homes"),
    ("金桥小区", "Jinqiao Estate"),
    ("滨河花园", "Binhe Garden"),
    ("书香名邸", "Shuxiang Residence"),
    ("紫荆苑", "Zijing Court"),
    ("怡景苑", "Yijing Court"),
    ("安居小区", "Anju Estate"),
    ("御景湾", "Yujing Bay"),
    ("云溪雅居", "Yunxi Residence"),
    ("绿城花园", "Lücheng Garden"),
    ("凤凰城", "Fenghuang City"),
    ("望江名苑", "Wangjiang Court"),
    ("枫林小区", "Fenglin Estate"),
    ("春江花园", "Chunjiang Garden"),
    ("映月苑", "Yingyue Court"),
    ("福临小区", "Fulin Estate"),
    ("东方新城", "Dongfang New Town"),
    ("明珠花园", "Mingzhu Garden"),
];
pub const WORKS: [Name; 10] = [
    ("示范机械厂", "Shifan Machine Works"),
    ("示范纺织厂", "Shifan Textile Mill"),
    ("清溪食品厂", "Qingxi Food Factory"),
    ("恒通物流园", "Hengtong Logistics Park"),
    ("宏达建材厂", "Hongda Building Materials"),
    ("华源电子厂", "Huayuan Electronics"),
    ("永固五金厂", "Yonggu Hardware Works"),
    ("瑞丰包装厂", "Ruifeng Packaging"),
    ("长盛汽配厂", "Changsheng Auto Parts"),
    ("新科科技园", "Xinke Technology Park"),
];
